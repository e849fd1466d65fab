// Threads that live as long as one render: no global state, safe across fork, no clash with torch's OpenMP.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace splatworld {

class Workers {
 public:
  explicit Workers(int threads) : wanted_(threads) {}

  ~Workers() {
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Threads that may work, the caller's included.
  int count() const { return wanted_; }

  // Call job(i) once for every i in [0, count), in any order; the caller works too. Jobs must not throw.
  void run(int count, const std::function<void(int)>& job) {
    if (count > 1) start();
    if (threads_.empty() || count < 2) {
      for (int i = 0; i < count; ++i) job(i);
      return;
    }
    next_ = 0;
    {
      std::lock_guard lock(mutex_);
      job_ = &job;
      count_ = count;
      busy_ = int(threads_.size());
      ++round_;
    }
    wake_.notify_all();
    drain(job, count);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  // Threads start when there is something to share.
  void start() {
    try {
      while (int(threads_.size()) + 1 < wanted_) threads_.emplace_back([this] { serve(); });
    } catch (const std::system_error&) {
      wanted_ = int(threads_.size()) + 1;  // the machine gives no more
    }
  }

  void drain(const std::function<void(int)>& job, int count) {
    for (int i = next_++; i < count; i = next_++) job(i);
  }

  void serve() {
    long seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return closing_ || round_ != seen; });
      if (closing_) return;
      seen = round_;
      const auto& job = *job_;
      const int count = count_;
      lock.unlock();
      drain(job, count);
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  int wanted_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<int> next_{0};
  const std::function<void(int)>* job_ = nullptr;
  int count_ = 0, busy_ = 0;
  long round_ = 0;
  bool closing_ = false;
};

}  // namespace splatworld
