// A pooled mailer as programs of Node.js have it: nodemailer.js PORT MESSAGES CONNECTIONS DOMAIN SELECTOR
const fs = require('fs');
const nodemailer = require('nodemailer');

const [port, messages, connections, domain, selector] = process.argv.slice(2);
const template = fs.readFileSync('body.txt', 'utf8');
const transport = nodemailer.createTransport({
  pool: true, host: '127.0.0.1', port: Number(port), requireTLS: true, tls: {rejectUnauthorized: false},
  maxConnections: Number(connections), maxMessages: Infinity,
  dkim: {domainName: domain, keySelector: selector, privateKey: fs.readFileSync('dkim.pem', 'utf8')},
});

let next = 0;
// So many are under way at a time as there are connections: the pool is never idle, and memory is bounded.
async function sendSome() {
  while (next < Number(messages)) {
    const number = next++;
    const name = `Person ${number}`;
    const to = `user${number}@d${number % 50}.example`;
    await transport.sendMail({
      envelope: {from: `bounce@${domain}`, to}, from: `news@${domain}`, to, subject: `Hello ${name}`,
      messageId: `<m${number}@${domain}>`, text: template.replaceAll('{{first_name}}', name),
    });
  }
}

Promise.all(Array.from({length: Number(connections)}, sendSome)).then(() => transport.close(), (error) => {
  console.error(error);
  process.exit(1);
});
