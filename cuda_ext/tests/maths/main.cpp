// Tests of the maths that all backends share, built with sanitizers by scripts/test.
#include "expect.h"

int main() {
  test_gradients();
  test_geometry();
  test_projection();
  std::printf("%s (%d failures)\n", failures ? "FAILED" : "passed", failures);
  return failures != 0;
}
