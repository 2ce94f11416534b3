// A ZIP file of files as they are, without compression: PKWARE's APPNOTE.TXT 6.3, method 0.

const UTF8 = 0x800; // flag: names are in UTF-8
const VERSION = 20; // of the format, that a reader must know
const CRCS = Uint32Array.from({ length: 256 }, (_, crc) => {
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

export function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) crc = CRCS[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/**
 * files: { name, blob, crc, date }, less than 65,536 of them and 4 GB. The contents stay in their
 * blobs: nothing is copied. Returns a Blob.
 */
export function zip(files) {
  const [entries, directory] = [[], []];
  let offset = 0;
  for (const { name, blob, crc, date } of files) {
    const path = new TextEncoder().encode(name);
    const fields = [
      ...[[2, VERSION], [2, UTF8], [2, 0], [2, time(date)], [2, day(date)]],
      ...[[4, crc], [4, blob.size], [4, blob.size], [2, path.length], [2, 0]],
    ];
    const header = packed([[4, 0x04034b50], ...fields]);
    const rest = [[2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]; // no comment, one disk, a binary file
    directory.push(packed([[4, 0x02014b50], [2, VERSION], ...fields, ...rest]), path);
    entries.push(header, path, blob);
    offset += header.length + path.length + blob.size;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const counts = [[2, 0], [2, 0], [2, files.length], [2, files.length]];
  const end = packed([[4, 0x06054b50], ...counts, [4, size], [4, offset], [2, 0]]);
  return new Blob([...entries, ...directory, end], { type: "application/zip" });
}

/** fields: of [bytes, value]. */
function packed(fields) {
  const bytes = fields.flatMap(([size, value]) =>
    Array.from({ length: size }, (_, index) => (value >>> (8 * index)) & 255));
  return Uint8Array.from(bytes);
}

// Local time, as MS-DOS counts it: from 1980, in steps of two seconds.
function time(date) {
  return (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
}

function day(date) {
  return ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
}
