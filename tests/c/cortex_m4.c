/* Classify images on a Cortex-M4 without an operating system; print logits, and the time of each.
 *
 * The machine is QEMU's mps2-an386; it prints by semihosting. SysTick counts down at 25 MHz.
 */
#include "images.h"
#include "lenet5.h"

#define CONTROL (*(volatile uint32_t *)0xE000E010)
#define RELOAD (*(volatile uint32_t *)0xE000E014)
#define CURRENT (*(volatile uint32_t *)0xE000E018)

void reset(void);
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t stack;
    void (*reset)(void);
} vectors = {0x20010000, reset};

static int semihost(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void print(int32_t number)
{
    char text[16], *at = text + sizeof text - 1;
    uint32_t rest = number < 0 ? -(uint32_t)number : (uint32_t)number;
    *at = 0;
    *--at = '\n';
    do *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0) *--at = '-';
    semihost(0x04, at);
}

void reset(void)
{
    static int32_t logits[LENET5_LOGITS];
    RELOAD = 0xFFFFFF;
    CONTROL = 5; /* the processor's clock, no interrupt */
    for (int n = 0; n < IMAGES; n++) {
        CURRENT = 0; /* begins anew */
        lenet5_classify(images[n], logits);
        print((int32_t)(0xFFFFFF - CURRENT));
        for (int i = 0; i < LENET5_LOGITS; i++) print(logits[i]);
    }
    semihost(0x18, (void *)0x20026); /* the end */
}
