#include "tls/curl_fetcher.h"

#include <curl/curl.h>

#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "tls/policy_fetcher.h"

namespace tls {
namespace {

constexpr int kWaitMs = 1000;

struct EasyDelete {
  void operator()(CURL* p) const { curl_easy_cleanup(p); }
};
struct ListDelete {
  void operator()(curl_slist* p) const { curl_slist_free_all(p); }
};
using Easy = std::unique_ptr<CURL, EasyDelete>;
using List = std::unique_ptr<curl_slist, ListDelete>;

bool InitOnce() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

bool IsText(const char* content_type) {
  std::string_view type = content_type == nullptr ? "" : content_type;
  type = type.substr(0, type.find(';'));
  return base::EqualsIgnoreCase(base::TrimAscii(type), "text/plain");
}

}  // namespace

// One fetch under way.
struct CurlFetcher::Transfer {
  Easy easy;
  List resolve;
  std::string file;
  bool too_long = false;
  base::IpAddress first_address;
  Done done;

  static std::size_t OnBytes(char* bytes, std::size_t size, std::size_t count, void* transfer) {
    auto& self = *static_cast<Transfer*>(transfer);
    self.too_long = self.file.size() + size * count > PolicyFetcher::kFileMax;
    if (self.too_long) return 0;  // Which ends it.
    self.file.append(bytes, size * count);
    return size * count;
  }
  absl::StatusOr<std::string> Result(CURLcode code) {
    long status = 0;
    const char* type = nullptr;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy.get(), CURLINFO_CONTENT_TYPE, &type);
    if (too_long) return absl::NotFoundError("the policy is longer than 64 KB");
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
      return absl::UnauthenticatedError("the certificate of the policy's host does not hold");
    if (code != CURLE_OK) return absl::UnavailableError(curl_easy_strerror(code));
    if (status != 200) return absl::NotFoundError(absl::StrCat("the policy's host answers with ", status));
    if (!IsText(type)) return absl::NotFoundError("the policy is not text/plain");
    return std::move(file);
  }
};

// The thread's loop.
class CurlFetcher::Worker {
 public:
  Worker(CurlFetcher& owner, CURLM* multi) : owner_(owner), multi_(multi) {}
  ~Worker() {
    for (const auto& [easy, transfer] : transfers_) curl_multi_remove_handle(multi_, easy);
  }

  void Run() {
    while (TakeWanted()) {
      int running = 0;
      curl_multi_perform(multi_, &running);
      if (!Finish()) curl_multi_poll(multi_, nullptr, 0, kWaitMs, nullptr);
    }
  }

 private:
  // False: the fetcher ends.
  bool TakeWanted() {
    while (true) {
      std::optional<FetchTurns::Fetch> wanted;
      {
        const std::lock_guard lock(owner_.mutex_);
        if (owner_.ends_) return false;
        wanted = owner_.turns_.Next();
      }
      if (!wanted.has_value()) return true;
      Begin(*std::move(wanted));
    }
  }

  void Begin(FetchTurns::Fetch wanted) {
    const std::string host = "mta-sts." + wanted.domain;
    std::string addresses = absl::StrCat("+", host, ":443");  // "+": forgotten like any other address.
    for (std::size_t i = 0; i < wanted.addresses.size(); ++i) {
      const bool v6 = wanted.addresses[i].IsV6();
      absl::StrAppend(&addresses, i == 0 ? ":" : ",", v6 ? "[" : "", wanted.addresses[i].ToString(), v6 ? "]" : "");
    }
    auto transfer = std::make_unique<Transfer>();
    transfer->easy.reset(curl_easy_init());
    transfer->resolve.reset(curl_slist_append(nullptr, addresses.c_str()));
    transfer->first_address = wanted.addresses.front();
    transfer->done = std::move(wanted.done);
    CURL* const easy = transfer->easy.get();
    if (easy == nullptr || !SetUp(*transfer, absl::StrCat("https://", host, "/.well-known/mta-sts.txt"))) {
      End(transfer->first_address, /*slow=*/false);
      transfer->done(absl::UnavailableError("libcurl cannot fetch it"));
      return;
    }
    curl_multi_add_handle(multi_, easy);
    transfers_.emplace(easy, std::move(transfer));
  }

  bool SetUp(Transfer& transfer, const std::string& url) const {
    CURL* const easy = transfer.easy.get();
    const std::string& pem = owner_.options_.authorities;
    curl_blob authorities{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
    const auto set = [easy](auto option, auto value) { return curl_easy_setopt(easy, option, value) == CURLE_OK; };
    return set(CURLOPT_URL, url.c_str()) && set(CURLOPT_PROTOCOLS_STR, "https") && set(CURLOPT_FOLLOWLOCATION, 0L) &&
           set(CURLOPT_PROXY, "") && set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED)) &&
           set(CURLOPT_RESOLVE, transfer.resolve.get()) && set(CURLOPT_NOSIGNAL, 1L) &&
           set(CURLOPT_CONNECTTIMEOUT_MS, 10'000L) &&
           set(CURLOPT_TIMEOUT_MS, static_cast<long>(owner_.options_.timeout.milliseconds())) &&
           set(CURLOPT_SSL_VERIFYPEER, 1L) && set(CURLOPT_SSL_VERIFYHOST, 2L) &&
           set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2)) && set(CURLOPT_CAPATH, nullptr) &&
           set(CURLOPT_CAINFO_BLOB, &authorities) && set(CURLOPT_FRESH_CONNECT, 1L) && set(CURLOPT_FORBID_REUSE, 1L) &&
           set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer)) &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Transfer::OnBytes) == CURLE_OK;
  }

  void End(const base::IpAddress& first_address, bool slow) {
    std::vector<FetchTurns::Fetch> given_up;
    {
      const std::lock_guard lock(owner_.mutex_);
      given_up = owner_.turns_.OnEnded(first_address, slow);
    }
    for (const FetchTurns::Fetch& fetch : given_up)
      fetch.done(absl::UnavailableError("the policy's host is too slow for others, too"));
  }

  // True: some are over, and others may begin.
  bool Finish() {
    int left = 0;
    bool any = false;
    while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      const auto found = transfers_.find(message->easy_handle);
      CHECK(found != transfers_.end());
      const std::unique_ptr<Transfer> transfer = std::move(found->second);
      transfers_.erase(found);
      curl_multi_remove_handle(multi_, transfer->easy.get());
      curl_off_t took_us = 0;
      curl_easy_getinfo(transfer->easy.get(), CURLINFO_TOTAL_TIME_T, &took_us);
      const bool is_slow = took_us >= owner_.options_.timeout.microseconds() / kSlowPart;
      End(transfer->first_address, is_slow || code == CURLE_OPERATION_TIMEDOUT);
      transfer->done(transfer->Result(code));
      any = true;
    }
    return any;
  }

  CurlFetcher& owner_;
  CURLM* const multi_;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers_;
};

CurlFetcher::CurlFetcher(Options options) : options_(std::move(options)) {}

CurlFetcher::~CurlFetcher() { Stop(); }

void CurlFetcher::Stop() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(ends_, true) && multi_ != nullptr) curl_multi_wakeup(multi_);  // Its thread frees it then.
  }
  if (thread_.joinable()) thread_.join();
}

void CurlFetcher::Fetch(std::string_view domain, std::vector<base::IpAddress> addresses, Done done) {
  if (addresses.empty()) return done(absl::UnavailableError("the policy's host has no address"));
  {
    const std::lock_guard lock(mutex_);
    if (ends_) return;
    if (turns_.Add({std::string(domain), std::move(addresses), done})) {
      if (multi_ != nullptr) {
        curl_multi_wakeup(multi_);
        return;
      }
      multi_ = InitOnce() ? curl_multi_init() : nullptr;
      CHECK(multi_ != nullptr);  // Only without memory.
      thread_ = std::thread([this, multi = multi_] {
        Worker(*this, multi).Run();
        curl_multi_cleanup(multi);
      });
      return;
    }
  }
  done(absl::ResourceExhaustedError("too many policies are being fetched"));
}

}  // namespace tls
