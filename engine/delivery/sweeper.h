// Carries out what befalls many recipients at once (a domain that does not exist, the campaign's end), a slice per
// turn, so that a million recipients do not hold up the loop or fill the memory with records.
#pragma once

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "engine/base/intrusive_list.h"
#include "engine/delivery/commit_queue.h"
#include "engine/delivery/destination.h"
#include "engine/delivery/settler.h"

namespace delivery {

class Sweeper {
 public:
  // `on_swept` hears of every destination whose sweep is complete.
  Sweeper(Settler& settler, CommitQueue& commits, absl::AnyInvocable<void(Destination&)> on_swept)
      : settler_(settler), commits_(commits), on_swept_(std::move(on_swept)) {}
  ~Sweeper();

  // Begins a sweep; one that is under way is replaced (the rest of it would find nobody).
  void Start(Destination& destination, Sweep sweep);
  void Cancel(Destination& destination);
  // Does a slice. Once per turn.
  void Run();
  std::size_t size() const { return sweeping_.size(); }  // Sweeps that are not complete.
  // Whether another turn is wanted at once; else the next commit brings one.
  bool WantsTurn() const;

 private:
  static constexpr int kSlice = 512;               // Recipients per turn.
  static constexpr std::size_t kBatchesAhead = 8;  // Back-pressure from the journal.
  bool SweepOne(Destination& destination);

  Settler& settler_;
  CommitQueue& commits_;
  absl::AnyInvocable<void(Destination&)> on_swept_;
  base::IntrusiveList<Destination, &Destination::sweep_hook> sweeping_;
};

}  // namespace delivery
