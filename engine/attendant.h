// Who is called while the engine runs, about ten times a second.
#pragma once

#include <cstdint>

#include "engine/control_desk.h"
#include "engine/engine.h"
#include "engine/smarthost_login.h"

namespace engine {

// Tells the observer, serves the operator, and keeps the token of the smarthost fresh.
class Attendant final : public Engine::Watcher {
 public:
  Attendant(Engine::Watcher& watcher, SmarthostLogin* login, ControlDesk* desk)
      : watcher_(watcher), login_(login), desk_(desk) {}
  int Stops() override { return watcher_.Stops(); }
  void OnProgress(const delivery::Counters& counters, std::uint32_t open_sessions) override {
    if (login_ != nullptr) login_->Refresh();
    if (desk_ != nullptr) desk_->Serve(counters, open_sessions);
    watcher_.OnProgress(counters, open_sessions);
  }

 private:
  Engine::Watcher& watcher_;
  SmarthostLogin* const login_;
  ControlDesk* const desk_;
};

}  // namespace engine
