/* Classify images from stdin, and write their logits. */
#include "lenet5.h"

#include <stdio.h>

int main(void)
{
    static uint8_t pixels[LENET5_PIXELS];
    int32_t logits[LENET5_LOGITS];
    while (fread(pixels, 1, sizeof pixels, stdin) == sizeof pixels) {
        lenet5_classify(pixels, logits);
        fwrite(logits, 1, sizeof logits, stdout);
    }
    return 0;
}
