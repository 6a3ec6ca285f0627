<?php
// Makes a campaign from what a shop knows: campaign.json and recipients.ndjson (engine/campaign/FORMAT.md).
//
//     php make_campaign.php DIR && sluice check DIR/campaign.json
if ($argc !== 2 || !is_dir($argv[1])) {
    fwrite(STDERR, "usage: php make_campaign.php DIR, which is there\n");
    exit(2);
}
$orders = [
    ['email' => 'zoe@example.net', 'order' => 'A-1001', 'name' => 'Zoë "Zo" Müller', 'items' => [
        ['title' => 'Lentils & rice', 'count' => 2], ['title' => 'Tea', 'count' => 1]]],
    ['email' => 'ann@example.org', 'order' => 'A-1002', 'name' => 'Ann', 'items' => [['title' => 'Coffee', 'count' => 3]]],
];

$campaign = [
    'format' => 1, 'id' => 'orders-2026-48', 'kind' => 'transactional',
    'from' => ['address' => 'shop@example.com', 'name' => 'The Shop'],
    'to' => ['name' => '{{name}}'],
    'envelope' => ['sender' => 'bounce+{{token}}@bounces.example.com'],
    'message' => [
        'subject' => 'Your order {{order}}',
        'text' => "Hello {{name}},\n\nyou ordered:\n{{#items}}\n- {{count}} x {{title}}\n{{/items}}\n"],
    'recipients' => ['file' => 'recipients.ndjson', 'key' => 'order', 'expect' => count($orders)],
    'delivery' => ['dkim' => 'optional'],
];

$flags = JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR;
$rows = '';
foreach ($orders as $order) {
    $rows .= json_encode($order, $flags) . "\n";
}
file_put_contents("$argv[1]/recipients.ndjson", $rows);
file_put_contents("$argv[1]/campaign.json", json_encode($campaign, $flags | JSON_PRETTY_PRINT));
