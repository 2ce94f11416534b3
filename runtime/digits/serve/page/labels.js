// "Wrong? Tap the right digit.": what visitors say that a digit is, where the server keeps it to train on.

import { cropped } from "./crop.js";
import { post, SMALL_TIMEOUT } from "./server.js";
import { keypad, labelKeys, LABELS, words } from "./shared.js";

/**
 * Let visitors label the digits of an answer. Returns offer(digit, image), which asks about a digit,
 * as the API describes it, of an image, or about nothing: null.
 *
 * box: the buttons, and what is said of them. answer: where the keys 0 to 9 and n do as much.
 * labelled(digit): called when a digit of the answer has a new `label`, one of LABELS.
 */
export function labels(box, answer, labelled) {
  const saves = document.querySelector("main").dataset.saves === "yes";
  const buttons = keypad(box.querySelector("[role=group]"), answer, labelKeys(label));
  let [digit, image, sending] = [null, null, Promise.resolve()];

  function offer(newDigit, newImage) {
    [digit, image] = [saves && newImage ? newDigit : null, newImage];
    box.hidden = !digit;
    buttons.forEach((each, index) => (each.ariaPressed = LABELS[index] === newDigit?.label));
  }

  function label(given) {
    if (!digit) return;
    const picture = cropped(image, digit.box);
    digit.label = given;
    labelled(digit);
    offer(digit, image);
    sending = sending.then(() => send(given, picture));
  }

  async function send(given, picture) {
    const form = new FormData();
    form.append(given, await picture, "digit.png");
    const say = (sentence) => (box.querySelector("p").textContent = sentence);
    try {
      await post("labelled", form, { timeout: SMALL_TIMEOUT, say });
      say(`The server has kept it as ${words(given)}.`);
    } catch (error) {
      say(error.message);
    }
  }

  return offer;
}
