/* Classify images from stdin, and write the digit and the logits of each. */
#include "lenet5.h"

#include <stdio.h>

int main(void)
{
    static uint8_t pixels[LENET5_PIXELS];
    int32_t answer[1 + LENET5_LOGITS];
    while (fread(pixels, 1, sizeof pixels, stdin) == sizeof pixels) {
        answer[0] = lenet5_classify(pixels, answer + 1);
        fwrite(answer, 1, sizeof answer, stdout);
    }
    return 0;
}
