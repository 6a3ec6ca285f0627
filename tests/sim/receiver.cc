#include "tests/sim/receiver.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/text.h"
#include "tests/sim/sim_tls.h"

namespace sim {

Rule Always(Answer answer) {
  return [answer = std::move(answer)](const Question&) { return answer; };
}

Rule First(std::uint32_t times, Answer answer) {
  return [times, answer = std::move(answer)](const Question& question) {
    return question.time <= times ? std::optional(answer) : std::nullopt;
  };
}

Rule For(std::string recipient, Answer answer) {
  return [recipient = std::move(recipient), answer = std::move(answer)](const Question& question) {
    return question.recipient == recipient ? std::optional(answer) : std::nullopt;
  };
}

class Receiver::Connection final : public io::StreamHandler, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Receiver& receiver, io::StreamId id, const io::Endpoint& peer) : receiver_(receiver), id_(id) {
    question_.connection = static_cast<std::uint32_t>(receiver.connected_at_.size());
    question_.client = peer.address;
  }

  void Start() {  // Not within OnAccept, where the stream cannot be closed.
    Later(base::Duration(), [this] { Say(Point::kGreeting, {"220 " + receiver_.name_ + " is ready"}); });
  }
  void OnConnect() override {}
  void OnReceive(std::string_view bytes) override {
    Decrypt(bytes);
    read_ += bytes.size();
    if (receiver_.rests_between_reads > base::Duration() && read_ >= kReadAtOnce) Rest();
    Process();
  }
  void OnSent() override {}
  void OnClose(io::CloseReason) override {
    over_ = true;
    receiver_.Retire(*this);
  }
  io::StreamId id() const { return id_; }

 private:
  static constexpr std::uint64_t kReadAtOnce = 1u << 18;
  void Rest() {
    read_ = 0;
    receiver_.io_.PauseReceive(id_, true);
    receiver_.world_.After(receiver_.rests_between_reads, [alive = weak_from_this()] {
      const std::shared_ptr<Connection> self = alive.lock();
      if (self != nullptr && !self->over_) self->receiver_.io_.PauseReceive(self->id_, false);
    });
  }
  void Decrypt(std::string_view bytes) {
    if (tls_ == Tls::kNone) {
      input_ += bytes;
      return;
    }
    frames_.Append(bytes);
    std::string line;
    if (tls_ == Tls::kHandshaking) {
      if (!frames_.TakeLine(line)) return;
      if (receiver_.bad_handshakes > 0 || IsBad(line)) {
        if (receiver_.bad_handshakes > 0) --receiver_.bad_handshakes;
        receiver_.io_.Send(id_, std::array{std::string_view("NO\n")});
        return;
      }
      tls_ = Tls::kOpen;
      const std::string hello = "HELLO " + receiver_.certificate + " trusted new t\n";
      receiver_.io_.Send(id_, std::array{std::string_view(hello)});
    }
    frames_.TakeFrames(input_);
  }
  bool IsBad(const std::string& hello) const {
    const bool is_bad_name = !receiver_.bad_name.empty() && hello.starts_with("HELLO " + receiver_.bad_name + " ");
    return is_bad_name || (receiver_.refuses_fallback && hello.ends_with(" fallback"));
  }
  void Send(std::string_view plain) {
    const std::string sent = tls_ == Tls::kOpen ? SimFrames::Frame(plain) : std::string(plain);
    receiver_.io_.Send(id_, std::array{std::string_view(sent)});
  }
  void Later(base::Duration wait, absl::AnyInvocable<void()> event) {
    busy_ = true;
    receiver_.world_.After(wait, [alive = weak_from_this(), event = std::move(event)]() mutable {
      const std::shared_ptr<Connection> self = alive.lock();
      if (self == nullptr || self->over_) return;
      self->busy_ = false;
      event();
      if (!self->over_) self->Process();
    });
  }

  void Process() {
    while (!over_ && !busy_ && !silent_) {
      if (content_left_ > 0) {
        const std::size_t size = std::min<std::size_t>(content_left_, input_.size());
        Keep(size, size);
        content_left_ -= size;
        if (content_left_ > 0) return;
        Conclude();
      } else if (in_data_) {
        const std::size_t end = input_.find("\r\n.\r\n");
        if (end == std::string::npos) return;
        Keep(end + 2, end + 5);
        Conclude();
      } else {
        const std::size_t end = input_.find("\r\n");
        if (end == std::string::npos) return;
        const std::string line = input_.substr(0, end);
        input_.erase(0, end + 2);
        receiver_.commands_.push_back(line);
        Obey(line);
      }
    }
  }
  void Keep(std::size_t size, std::size_t taken) {
    content_ += input_.substr(0, size);
    input_.erase(0, taken);
  }

  void Obey(const std::string& line) {
    const std::string verb = base::LowerAscii(line.substr(0, line.find(' ')));
    if (verb == "ehlo" || verb == "helo") {
      Say(Point::kEhlo, {Hello()});
    } else if (verb == "starttls") {
      const bool offered = !receiver_.certificate.empty() && tls_ == Tls::kNone;
      if (Say(Point::kStartTls, {offered ? "220 go on" : "502 5.5.1 Not here"})) tls_ = Tls::kHandshaking;
    } else if (verb == "mail") {
      ++question_.message;
      question_.grouped = !input_.empty();
      question_.recipient.clear();
      mail_ = Say(Point::kMail, {"250 ok"});
    } else if (verb == "rcpt") {
      const std::size_t begin = line.find('<') + 1;
      question_.recipient = line.substr(begin, line.rfind('>') - begin);
      rcpt_ = Say(Point::kRcpt, {mail_ ? "250 ok" : "503 5.5.1 MAIL first"}) && mail_;
    } else if (verb == "data") {
      in_data_ = Say(Point::kData, {rcpt_ ? "354 go on" : "554 5.5.1 No valid recipients"});
    } else if (verb == "bdat") {
      content_left_ = std::stoull(line.substr(5));
    } else if (verb == "rset") {
      mail_ = rcpt_ = false;
      Say(Point::kRset, {"250 ok"});
    } else if (verb == "quit") {
      Say(Point::kQuit, {"221 bye", Answer::Then::kFin});
    } else {
      Reply({"500 5.5.2 What?"});
    }
  }

  std::string Hello() const {
    std::string hello = "250-" + receiver_.name_;
    if (!receiver_.certificate.empty() && tls_ == Tls::kNone) hello += "\r\n250-STARTTLS";
    for (const std::string& extension : receiver_.extensions) hello += "\r\n250-" + extension;
    hello[hello.rfind("250-") + 3] = ' ';
    return hello;
  }

  void Conclude() {
    in_data_ = false;
    receiver_.contents_.push_back(std::exchange(content_, {}));
    const bool taken = Say(Point::kContent, {rcpt_ ? "250 ok" : "503 5.5.1 No valid recipients"}) && rcpt_;
    if (taken) receiver_.accepted_.push_back(question_.recipient);
    if (taken && tls_ == Tls::kOpen) receiver_.encrypted_.push_back(question_.recipient);
    mail_ = rcpt_ = false;
  }

  // True: the answer is positive.
  bool Say(Point point, Answer usual) {
    const std::optional<Answer> answer = receiver_.Ask(point, question_);
    const Answer& chosen = answer.has_value() ? *answer : usual;
    if (chosen.wait > base::Duration()) {
      Later(chosen.wait, [this, chosen] { Reply(chosen); });
    } else {
      Reply(chosen);
    }
    return chosen.reply.starts_with('2') || chosen.reply.starts_with('3');
  }

  void Reply(const Answer& answer) {
    std::string said;
    for (std::uint32_t i = 0; i < answer.copies && !answer.reply.empty(); ++i)
      said += answer.reply + (answer.raw ? "" : "\r\n");
    if (answer.drip > base::Duration() && !said.empty()) {
      Drip(said, 0, answer);
      return;
    }
    if (!said.empty()) Send(said);
    GoOn(answer);
  }

  void Drip(const std::string& said, std::size_t at, const Answer& answer) {
    Send(std::string_view(said).substr(at, 1));
    if (at + 1 == said.size()) return GoOn(answer);
    Later(answer.drip, [this, said, at, answer] { Drip(said, at + 1, answer); });
  }

  void GoOn(const Answer& answer) {
    switch (answer.then) {
      case Answer::Then::kGoOn:
        return;
      case Answer::Then::kDeaf:
        receiver_.io_.PauseReceive(id_, true);
        silent_ = true;
        return;
      case Answer::Then::kSilence:
        silent_ = true;
        return;
      case Answer::Then::kFin:
        return Close(io::CloseMode::kFlush);
      case Answer::Then::kReset:  // What was said before is on its way by then.
        return Later(base::Duration::Milliseconds(10), [this] { Close(io::CloseMode::kReset); });
    }
  }

  void Close(io::CloseMode mode) {
    over_ = true;
    receiver_.io_.Close(id_, mode);
    receiver_.Retire(*this);
  }

  enum class Tls : std::uint8_t { kNone, kHandshaking, kOpen };
  Receiver& receiver_;
  const io::StreamId id_;
  Tls tls_ = Tls::kNone;
  SimFrames frames_;
  Question question_;
  std::string input_, content_;
  std::uint64_t content_left_ = 0;  // Of BDAT.
  bool in_data_ = false, mail_ = false, rcpt_ = false;
  bool busy_ = false;  // An answer is under way.
  bool silent_ = false, over_ = false;
  std::uint64_t read_ = 0;  // Since it rested.
};

Receiver::Receiver(World& world, Network& network, std::string name, const io::Endpoint& endpoint)
    : world_(world), name_(std::move(name)), endpoint_(endpoint), io_(network) {
  CHECK(io_.Listen(endpoint_, *this).ok());
}

Receiver::~Receiver() = default;

io::StreamHandler* Receiver::OnAccept(io::StreamId id, const io::Endpoint& peer, const io::Endpoint&) {
  connected_at_.push_back(world_.now());
  if (resets_connections) return nullptr;
  open_max_ = std::max(open_max_, ++open_);
  auto connection = std::make_shared<Connection>(*this, id, peer);
  connections_.emplace(id, connection);
  connection->Start();
  return connection.get();
}

void Receiver::Retire(Connection& connection) {
  --open_;
  auto node = connections_.extract(connection.id());
  world_.After(base::Duration(), [kept = std::move(node.mapped())] {});  // It may be at work now.
}

std::optional<Answer> Receiver::Ask(Point point, Question question) {
  question.time = ++times_[static_cast<std::size_t>(point)];
  const std::vector<Rule>& rules = rules_[static_cast<std::size_t>(point)];
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
    if (const std::optional<Answer> answer = (*rule)(question)) return answer;
  }
  return std::nullopt;
}

std::uint64_t Receiver::CountOf(std::string_view command) const {
  return static_cast<std::uint64_t>(std::count_if(
      commands_.begin(), commands_.end(), [command](const std::string& line) { return line.starts_with(command); }));
}

}  // namespace sim
