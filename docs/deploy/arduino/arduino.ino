// Reads digits that arrive by USB, on an ESP32 or any board with 64 KB of flash and 16 KB of RAM:
// 784 bytes, the pixels of a framed digit, are answered by a line, such as "7", or "?" for none.
// Put lenet5.c and lenet5.h from `digits export --format c` beside this file.
#include "lenet5.h"

void setup() {
  Serial.begin(115200);
  Serial.setTimeout(10000);  // milliseconds
}

void loop() {
  static uint8_t pixels[LENET5_PIXELS];
  static int32_t logits[LENET5_LOGITS];
  if (Serial.readBytes((char *)pixels, sizeof pixels) < sizeof pixels) return;
  int digit = lenet5_classify(pixels, logits);
  Serial.println(digit < 0 ? "?" : String(digit).c_str());
}
