/* @name@: reads one handwritten digit. Written by `digits export --format c`.
 *
 * The ONNX file has the SHA-256
 * @sha256@.
 *
 * @flash@ bytes of constants, @ram@ bytes of static memory, @multiplications@ multiplications a
 * digit. C99, no library, no allocation, no floating point. Not reentrant.
 */
#ifndef @upper@_H
#define @upper@_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define @upper@_PIXELS 784
#define @upper@_LOGITS @logits@
#define @upper@_ONE 65536 /* a logit of 1 */

/* Classify 28x28 pixels, row by row: 0 = paper, 255 = ink; the digit's longer side 20 pixels, its
 * centre of mass in the middle.
 *
 * logits: natural logarithms of relative probabilities, times @upper@_ONE, of 0 to 9; one more is
 * that of no digit. Returns the likeliest digit, or -1 if none is likelier.
 */
int @name@_classify(const uint8_t pixels[@upper@_PIXELS], int32_t logits[@upper@_LOGITS]);

#ifdef __cplusplus
}
#endif

#endif
