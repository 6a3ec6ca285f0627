#include "engine/ledger/record_batch.h"

#include <cstring>

namespace ledger {

std::string_view RecordBatch::Keep(std::string_view text) {
  if (text.empty()) return {};
  char* memory = nullptr;
  if (text.size() > kBlock / 4) {
    large_.push_back(std::make_unique<char[]>(text.size()));
    memory = large_.back().get();
  } else {
    if (block_ < blocks_.size() && kBlock - used_ < text.size()) {
      ++block_;
      used_ = 0;
    }
    if (block_ == blocks_.size()) blocks_.push_back(std::make_unique<char[]>(kBlock));
    memory = blocks_[block_].get() + used_;
    used_ += text.size();
  }
  std::memcpy(memory, text.data(), text.size());
  return {memory, text.size()};
}

std::string_view RecordBatch::KeepOnce(std::string_view text, std::size_t field) {
  if (text != last_[field]) last_[field] = Keep(text);
  return last_[field];
}

void RecordBatch::Add(const Attempt& record) { records_.emplace_back(record); }

void RecordBatch::Add(const Outcome& record) {
  Outcome copy = record;
  std::size_t field = 0;
  for (std::string_view* text : {&copy.reply_text, &copy.command, &copy.classification, &copy.site, &copy.provider,
                                 &copy.source, &copy.pool, &copy.source_address, &copy.peer_name, &copy.peer_address,
                                 &copy.tls_protocol, &copy.tls_cipher, &copy.throttled_by}) {
    *text = KeepOnce(*text, field++);
  }
  records_.emplace_back(copy);
}

void RecordBatch::Add(const CampaignState& record) {
  CampaignState copy = record;
  for (std::string_view* text : {&copy.scope, &copy.by, &copy.reason, &copy.sample}) *text = Keep(*text);
  records_.emplace_back(copy);
}

void RecordBatch::Add(const SiteState& record) {
  SiteState copy = record;
  for (std::string_view* text : {&copy.site, &copy.source, &copy.reason, &copy.sample, &copy.scope})
    *text = Keep(*text);
  records_.emplace_back(copy);
}

void RecordBatch::Clear() {
  records_.clear();
  last_.fill({});
  large_.clear();
  block_ = used_ = 0;
}

}  // namespace ledger
