// Before a loop over arrays that do not overlap: the compiler may take several rounds at once.
#pragma once

#if defined(__clang__)
#define SW_SIDE_BY_SIDE _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define SW_SIDE_BY_SIDE _Pragma("GCC ivdep")
#else
#define SW_SIDE_BY_SIDE
#endif
