// A ZIP file of files as they are, without compression: PKWARE's APPNOTE.TXT 6.3, method 0.

const VERSION = 20; // of the format, that a reader must know
const DATE = 0x21; // 1980-01-01, the first one
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
 * files: { name, blob, crc }, with ASCII names; less than 65,536 of them and 4 GB. The contents stay
 * in their blobs: nothing is copied. Returns a Blob.
 */
export function zip(files) {
  const [entries, directory] = [[], []];
  let offset = 0;
  for (const { name, blob, crc } of files) {
    const sizes = [...long(blob.size), ...long(blob.size), name.length, 0];
    const fields = [VERSION, 0, 0, 0, DATE, ...long(crc), ...sizes];
    const header = Uint16Array.of(...long(0x04034b50), ...fields);
    const rest = [0, 0, 0, ...long(0), ...long(offset)]; // no comment, one disk, a binary file
    directory.push(Uint16Array.of(...long(0x02014b50), VERSION, ...fields, ...rest), name);
    entries.push(header, name, blob);
    offset += header.byteLength + name.length + blob.size;
  }
  const { size } = new Blob(directory);
  const counts = [0, 0, files.length, files.length];
  const end = Uint16Array.of(...long(0x06054b50), ...counts, ...long(size), ...long(offset), 0);
  return new Blob([...entries, ...directory, end], { type: "application/zip" });
}

/** A number of 32 bits as two of 16: little-endian, as ZIP and all platforms of browsers are. */
function long(value) {
  return [value & 0xffff, value >>> 16];
}
