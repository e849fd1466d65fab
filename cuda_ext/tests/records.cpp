// Records and tables: numbers go where the moves say, no byte beyond, and come back; built with sanitizers by scripts/test.
#include "cpu/records.h"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/maths/expect.h"

using namespace splatworld;

namespace {

// Tables of their own memory, so that the sanitizers see every step beyond.
struct Case {
  int width, third, rows;
  std::vector<float> records, means, sh;
  std::vector<Table> tables;
  std::vector<Move> moves;

  Case(int third, int rows) : width(3 * third + 7), third(third), rows(rows) {
    for (int i = 0; i < rows * width; ++i) records.push_back(float(i) - 50.5f);
    means.assign(3 * rows, -1.0f), sh.assign((3 * third + 3) * rows, -1.0f);
    tables = {{means.data(), 3, 1e9f}, {sh.data(), 3 * third + 3, 1e9f}};
    moves = {{0, 0, 0, 3, 1}, {1, 3, 0, 3, 1}, {1, 6, 3, third, 3}, {kNowhere, width - 1, 0, 1, 1}};
    if (!third) moves.erase(moves.begin() + 2);
  }
  Layout layout() const { return {width, tables.data(), int(tables.size()), moves.data(), int(moves.size())}; }
};

void test_there_and_back(int third, int rows) {
  Case c(third, rows);
  EXPECT(sound(c.layout()), "third %d", third);
  EXPECT(spread(c.layout(), rows, c.records.data()) == 0, "third %d rows %d", third, rows);
  for (int r = 0; r < rows; ++r) {
    const float* record = c.records.data() + r * c.width;
    for (int i = 0; i < 3; ++i) EXPECT(c.means[3 * r + i] == record[i], "row %d", r);
    const float* row = c.sh.data() + r * (3 * third + 3);
    for (int i = 0; i < 3; ++i) EXPECT(row[i] == record[3 + i], "row %d", r);
    for (int k = 0; k < third; ++k)
      for (int channel = 0; channel < 3; ++channel)
        EXPECT(row[3 + 3 * k + channel] == record[6 + channel * third + k], "row %d, coefficient %d", r, k);
  }
  std::vector<float> again(c.records.size(), 7.0f);
  EXPECT(gather(c.layout(), rows, again.data()) == 0, "third %d rows %d", third, rows);
  for (int r = 0; r < rows; ++r)
    for (int i = 0; i < c.width; ++i)
      EXPECT(again[r * c.width + i] == (i + 1 < c.width ? c.records[r * c.width + i] : 0.0f), "row %d column %d", r, i);
}

void test_values_beyond_bounds() {
  const float inf = std::numeric_limits<float>::infinity();
  for (float value : {1e9f, -1e9f, 1.0001e9f, -2e9f, inf, -inf, std::nanf(""), -std::nanf("")}) {
    for (int row : {0, 31, 32, 69}) {
      Case c(15, 70);
      c.records[row * c.width + 6 + 44] = value;
      const uint32_t expected = std::fabs(value) <= 1e9f ? 0 : 2;
      EXPECT(spread(c.layout(), 70, c.records.data()) == expected, "%g in row %d", value, row);
      EXPECT(gather(c.layout(), 70, c.records.data()) == expected, "%g in row %d", value, row);
    }
  }
}

void test_moves_that_leave_their_place() {
  const Move strays[] = {{0, -1, 0, 3, 1}, {0, 0, 1, 3, 1},  {0, 0, -1, 1, 1}, {2, 0, 0, 1, 1},           {-2, 0, 0, 1, 1},
                         {0, 0, 0, 0, 1},  {0, 0, 0, -1, 1}, {0, 0, 0, 1, 2},  {1, 6, 3, 16, 3},          {1, 7, 3, 16, 3},
                         {0, 52, 0, 1, 1}, {1, 0, 0, 1, 0},  {-1, 52, 0, 1, 1}, {1, 0, 0, 0x7fffffff, 3}};
  for (const Move& stray : strays) {
    Case c(15, 1);
    c.moves.push_back(stray);
    EXPECT(!sound(c.layout()), "table %d column %d", stray.table, stray.column);
  }
}

}  // namespace

int main() {
  for (int third : {0, 1, 2, 3, 4, 5, 8, 15, 24})
    for (int rows : {0, 1, 31, 32, 33, 100}) test_there_and_back(third, rows);
  test_values_beyond_bounds();
  test_moves_that_leave_their_place();
  std::printf("%s (%d failures)\n", failures ? "FAILED" : "passed", failures);
  return failures != 0;
}
