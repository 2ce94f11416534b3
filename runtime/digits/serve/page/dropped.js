// The files that are dropped or pasted, also those in folders.

const order = new Intl.Collator(undefined, { numeric: true });

/**
 * The files of a DataTransfer, one by one: { name, file() }, with the name of its folder, and a
 * promise of the File. To be called while the event is handled: afterwards the browser forgets it.
 */
export function filesOf({ items, files }) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  return entries.some(({ isDirectory }) => isDirectory) ? walk(entries) : plain([...files]);
}

/** The same of files that were chosen. */
export async function* plain(files) {
  for (const file of files) yield { name: file.name, file: async () => file };
}

async function* walk(entries, folder = "") {
  for (const entry of entries) {
    const name = folder + entry.name;
    const inside = entry.isDirectory && (await sorted(entry).catch(() => null));
    if (inside) yield* walk(inside, `${name}/`);
    else yield { name, file: () => new Promise((...done) => entry.file(...done)) };
  }
}

/** What is in a folder, without what is hidden, by name. */
async function sorted(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((...done) => reader.readEntries(...done));
    if (!some.length) break; // Chromium gives a hundred at a time
    all.push(...some);
  }
  const shown = all.filter(({ name }) => !name.startsWith("."));
  return shown.sort((one, other) => order.compare(one.name, other.name));
}
