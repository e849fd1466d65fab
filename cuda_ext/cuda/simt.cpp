// The scheduler behind cuda/simt.h.
#include "cuda/simt.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SW_ASAN(call) call
#else
#define SW_ASAN(call)
#endif

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

#if defined(__x86_64__)
// Push what a callee must keep, leave the stack in *save, take the other one, pop.
extern "C" void splatworld_simt_switch(void** save, void* take);
asm(R"(
.text
.hidden splatworld_simt_switch
.globl splatworld_simt_switch
.type splatworld_simt_switch, @function
splatworld_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size splatworld_simt_switch, .-splatworld_simt_switch
)");
#endif

namespace splatworld::simt {
namespace {

constexpr size_t kStack = 256 << 10, kGuard = 64 << 10;  // bytes; the guard cannot be touched
constexpr unsigned kThreadsMax = 1024;
constexpr int kLanes = 32;

// A place where a computation stands: a stack, and what is on top of it.
struct Context {
#if defined(__x86_64__)
  void* top = nullptr;
  void start(char* stack, void (*entry)()) {
    void** slot = reinterpret_cast<void**>(stack + kStack);
    *--slot = nullptr;  // nobody to return to; and the alignment that a function expects
    *--slot = reinterpret_cast<void*>(entry);
    for (int i = 0; i < 6; ++i) *--slot = nullptr;
    top = slot;
  }
  void go(Context& to) { splatworld_simt_switch(&top, to.top); }
#else
  ucontext_t state;
  void start(char* stack, void (*entry)()) {
    getcontext(&state);
    state.uc_stack.ss_sp = stack, state.uc_stack.ss_size = kStack, state.uc_link = nullptr;
    makecontext(&state, entry, 0);
  }
  void go(Context& to) { swapcontext(&state, &to.state); }
#endif
};

// Stacks of all fibers, made once.
class Stacks {
 public:
  Stacks() {
    memory_ = static_cast<char*>(mmap(nullptr, kThreadsMax * (kStack + kGuard), PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    for (unsigned i = 0; i < kThreadsMax; ++i) mprotect(memory_ + i * (kStack + kGuard), kGuard, PROT_NONE);
  }
  char* operator[](unsigned i) const { return memory_ + i * (kStack + kGuard) + kGuard; }

 private:
  char* memory_;
};

struct Fiber {
  Context context;
  uint3 index;
  // What it waits for and brings along, and what it is given when it goes on.
  Meeting meeting;
  uint32_t mask;
  uint64_t value;
  int from;
  uint64_t result;
};

struct Warp {
  uint32_t present, waiting;  // lanes that have not left; lanes that wait for others of the warp
};

struct Machine {
  Stacks stacks;
  std::vector<Fiber> fibers{kThreadsMax};
  std::vector<Warp> warps{kThreadsMax / kLanes};
  std::vector<unsigned> ready;
  Context scheduler;
  void (*body)(void*) = nullptr;
  void* kept = nullptr;
  unsigned current = 0, threads = 0, left = 0, at_barrier = 0, said_yes = 0;
  std::string wrong;
  const void* scheduler_stack = nullptr;  // for ASan
  size_t scheduler_size = 0;
};

std::mutex one_launch;
Machine* machine = nullptr;
uint64_t random_state = 0;
bool seeded = false;

uint64_t random_number() {  // splitmix64
  uint64_t z = random_state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::string name_of(uint3 at) {
  return "(" + std::to_string(at.x) + ", " + std::to_string(at.y) + ", " + std::to_string(at.z) + ")";
}

const char* name_of(Meeting meeting) {
  constexpr const char* names[] = {"__syncthreads", "__syncwarp", "a vote", "a shuffle"};
  return names[int(meeting)];
}

// From a fiber back to the scheduler, until it is chosen again.
void hand_over(bool for_good = false) {
  Machine& m = *machine;
  Fiber& self = m.fibers[m.current];
  [[maybe_unused]] void* kept_frames = nullptr;
  SW_ASAN(__sanitizer_start_switch_fiber(for_good ? nullptr : &kept_frames, m.scheduler_stack, m.scheduler_size));
  (void)for_good;
  self.context.go(m.scheduler);
  SW_ASAN(__sanitizer_finish_switch_fiber(kept_frames, &m.scheduler_stack, &m.scheduler_size));
}

// Everyone in `lanes` of a warp may go on, in an order drawn by lot.
void release(unsigned warp, uint32_t lanes) {
  Machine& m = *machine;
  m.warps[warp].waiting &= ~lanes;
  const size_t first = m.ready.size();
  for (int i = 0; i < kLanes; ++i) {
    if (!(lanes >> i & 1)) continue;
    m.ready.push_back(warp * kLanes + i);
    std::swap(m.ready.back(), m.ready[first + random_number() % (m.ready.size() - first)]);
  }
}

void give_results(Fiber* fibers, uint32_t lanes, uint32_t yes) {
  for (int i = 0; i < kLanes; ++i) {
    if (!(lanes >> i & 1)) continue;
    Fiber& fiber = fibers[i];
    if (fiber.meeting == Meeting::vote) fiber.result = yes;
    if (fiber.meeting != Meeting::shuffle) continue;
    if (fiber.from < 0 || fiber.from >= kLanes || !(lanes >> fiber.from & 1))
      machine->wrong = "thread " + name_of(fiber.index) + " of block " + name_of(blockIdx) + " shuffles from lane " +
                       std::to_string(fiber.from) + ", which takes no part";
    else
      fiber.result = fibers[fiber.from].value;
  }
}

// If all that `thread` waits for are there, let them go on.
void complete_warp(unsigned thread) {
  Machine& m = *machine;
  const unsigned warp = thread / kLanes;
  const Fiber& self = m.fibers[thread];
  const uint32_t lanes = self.mask & m.warps[warp].present;
  if ((m.warps[warp].waiting & lanes) != lanes) return;
  Fiber* fibers = &m.fibers[warp * kLanes];
  uint32_t yes = 0;
  for (int i = 0; i < kLanes; ++i) {
    if (!(lanes >> i & 1)) continue;
    if (fibers[i].meeting != self.meeting || fibers[i].mask != self.mask) return;
    yes |= uint32_t(fibers[i].value != 0) << i;
  }
  give_results(fibers, lanes, yes);
  release(warp, lanes);
}

uint64_t meet(Meeting meeting, uint32_t mask, uint64_t value, int from) {
  Machine& m = *machine;
  Fiber& self = m.fibers[m.current];
  self.meeting = meeting, self.mask = mask, self.value = value, self.from = from;
  const unsigned lane = m.current % kLanes;
  if (!(mask >> lane & 1))
    m.wrong = "thread " + name_of(self.index) + " of block " + name_of(blockIdx) + " comes to " + name_of(meeting) +
              " whose mask does not name it";
  m.warps[m.current / kLanes].waiting |= 1u << lane;
  complete_warp(m.current);
  hand_over();
  return self.result;
}

// A fiber begins here, and never returns.
void live() {
  Machine& m = *machine;
  SW_ASAN(__sanitizer_finish_switch_fiber(nullptr, &m.scheduler_stack, &m.scheduler_size));
  m.body(m.kept);
  Warp& warp = m.warps[m.current / kLanes];
  warp.present &= ~(1u << m.current % kLanes);
  ++m.left;
  // Those who waited for this lane too need not any more.
  for (int i = 0; i < kLanes; ++i)
    if (warp.waiting >> i & 1) complete_warp(m.current / kLanes * kLanes + i);
  hand_over(true);
}

void resume(unsigned thread) {
  Machine& m = *machine;
  m.current = thread;
  threadIdx = m.fibers[thread].index;
  [[maybe_unused]] void* kept_frames = nullptr;
  SW_ASAN(__sanitizer_start_switch_fiber(&kept_frames, m.stacks[thread], kStack));
  m.scheduler.go(m.fibers[thread].context);
  SW_ASAN(__sanitizer_finish_switch_fiber(kept_frames, nullptr, nullptr));
}

// Mostly the warp that ran last runs on, far ahead of the others; now and then another one.
unsigned drawn() {
  std::vector<unsigned>& ready = machine->ready;
  const uint64_t number = random_number();
  if (number % 8 == 0) std::swap(ready.back(), ready[number / 8 % ready.size()]);
  const unsigned thread = ready.back();
  ready.pop_back();
  return thread;
}

std::string standstill() {
  const Machine& m = *machine;
  std::string waiting;
  unsigned count = 0;
  for (unsigned i = 0; i < m.threads; ++i) {
    if (!(m.warps[i / kLanes].present >> i % kLanes & 1)) continue;
    if (++count > 4) continue;
    waiting += (count > 1 ? ", thread " : "thread ") + name_of(m.fibers[i].index) + " at " + name_of(m.fibers[i].meeting);
  }
  return "block " + name_of(blockIdx) + " stands still: " + std::to_string(m.left) + " of " +
         std::to_string(m.threads) + " threads have left, " + std::to_string(count) + " wait in vain: " + waiting +
         (count > 4 ? ", ..." : "");
}

void run_block() {
  Machine& m = *machine;
  m.left = m.at_barrier = m.said_yes = 0;
  m.ready.clear();
  for (unsigned i = 0; i < m.threads; ++i) {
    SW_ASAN(__asan_unpoison_memory_region(m.stacks[i], kStack));
    m.fibers[i].context.start(m.stacks[i], live);
    m.fibers[i].index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
  }
  for (unsigned warp = 0; warp * kLanes < m.threads; ++warp) {
    const unsigned lanes = m.threads - warp * kLanes;
    m.warps[warp] = {lanes >= kLanes ? 0xffffffffu : (1u << lanes) - 1, 0};
    release(warp, m.warps[warp].present);
  }
  while (!m.ready.empty()) {
    resume(drawn());
    if (!m.wrong.empty()) throw std::runtime_error(std::exchange(m.wrong, {}));
  }
  if (m.left != m.threads) throw std::runtime_error(standstill());
}

}  // namespace

int lane() { return int(machine->current % kLanes); }

int meet_block(bool predicate) {
  Machine& m = *machine;
  m.fibers[m.current].meeting = Meeting::block;
  m.said_yes += predicate;
  if (++m.at_barrier == m.threads) {
    for (unsigned i = 0; i < m.threads; ++i) m.fibers[i].result = m.said_yes;
    m.at_barrier = m.said_yes = 0;
    for (unsigned warp = 0; warp * kLanes < m.threads; ++warp) release(warp, m.warps[warp].present);
  }
  Fiber& self = m.fibers[m.current];
  hand_over();
  return int(self.result);
}

void meet_warp(uint32_t mask) { meet(Meeting::warp, mask, 0, 0); }
uint32_t vote(uint32_t mask, bool predicate) { return uint32_t(meet(Meeting::vote, mask, predicate, 0)); }
uint64_t shuffle(uint32_t mask, uint64_t value, int from) { return meet(Meeting::shuffle, mask, value, from); }

void set_seed(uint64_t seed) {
  std::lock_guard lock(one_launch);
  random_state = seed;
  seeded = true;
}

void run(dim3 grid, dim3 block, void (*body)(void*), void* kept) {
  std::lock_guard lock(one_launch);
  if (!machine) machine = new Machine;  // for as long as the process lives
  if (const char* seed = seeded ? nullptr : getenv("SPLATWORLD_SIMT_SEED")) random_state = strtoull(seed, nullptr, 10);
  seeded = true;
  const uint64_t threads = uint64_t(block.x) * block.y * block.z, blocks = uint64_t(grid.x) * grid.y * grid.z;
  if (threads == 0 || threads > kThreadsMax || block.z > 64 || blocks == 0 || grid.y > 65535 || grid.z > 65535)
    throw std::runtime_error("a grid of " + name_of(uint3{grid.x, grid.y, grid.z}) + " blocks of " +
                             name_of(uint3{block.x, block.y, block.z}) + " threads cannot be launched");
  machine->body = body, machine->kept = kept, machine->threads = unsigned(threads);
  blockDim = block, gridDim = grid;
  std::vector<uint32_t> order(blocks);
  for (uint64_t i = 0; i < blocks; ++i) {
    order[i] = uint32_t(i);
    std::swap(order[i], order[random_number() % (i + 1)]);
  }
  for (const uint32_t i : order) {
    blockIdx = {i % grid.x, i / grid.x % grid.y, i / (grid.x * grid.y)};
    run_block();
  }
}

}  // namespace splatworld::simt
