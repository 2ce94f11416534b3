// Reads digits that arrive by USB, on a Raspberry Pi Pico: 784 bytes, the pixels of a framed digit,
// are answered by a line, such as "7", or "?" for none. Put lenet5.c and lenet5.h from
// `digits export --format c` beside this file.
#include <stdio.h>

#include "lenet5.h"
#include "pico/stdlib.h"

int main(void) {
    static uint8_t pixels[LENET5_PIXELS];
    static int32_t logits[LENET5_LOGITS];
    stdio_init_all();
    for (;;) {
        for (int i = 0; i < LENET5_PIXELS; i++) pixels[i] = (uint8_t)getchar();
        int digit = lenet5_classify(pixels, logits);
        if (digit < 0) {
            puts("?");
        } else {
            printf("%d\n", digit);
        }
    }
}
