// Formulas: a small part of TeX, written as MathML that every browser shows without help.
//
// Letters are variables, digits numbers; `_` and `^` take a letter, a number or {a group}; round brackets grow with
// what they hold. Commands: \frac{}{} \sqrt{} \hat{} \sum \max \min \cases{a & b \\ c & d} \mathrm{words}, functions
// (\log \tanh \erf), Greek letters, \partial \infty \cdot \dots \le \ge \ne. The page's style makes large what stands
// in <mo class="sum">, and draws a brace in <mspace class="brace">.
#ifndef SILMA_REPORT_MATHML_H
#define SILMA_REPORT_MATHML_H

#include "report/text_buffer.h"

// Adds one <math> element, a line of its own. False if `tex` holds anything that
// this header does not name; what was added is then incomplete.
bool mathml_add(text_buffer *buffer, const char *tex);

#endif
