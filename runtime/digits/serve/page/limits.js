// The server's limits, which it writes into the page.

const { bytes, pixels, seconds } = document.querySelector("main").dataset;

export const MAX_BYTES = Number(bytes); // of a picture's file
export const MAX_PIXELS = Number(pixels); // of a picture
export const MAX_SECONDS = Number(seconds); // until a picture is answered, or refused
