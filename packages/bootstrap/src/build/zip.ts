import { unzipSync, type ZipOptions, zipSync } from 'fflate';

/**
 * Packs files so that the same input gives the same bytes on any machine: sorted, one fixed local time (zip
 * knows no zones), Unix attributes everywhere, and a compressor in JavaScript rather than the runtime's zlib.
 */
export function packZip(files: Readonly<Record<string, Uint8Array>>): Buffer {
  const options: ZipOptions = { level: 9, mtime: new Date(1980, 0, 1), os: 3, attrs: 0o100644 << 16 };
  const sorted = Object.keys(files).sort();
  const zip = zipSync(Object.fromEntries(sorted.map((name) => [name, [files[name] as Uint8Array, options]])));
  return Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
}

/** One file of a zip; undefined when it is not there or this is no zip. */
export function readFromZip(zip: Uint8Array, name: string): string | undefined {
  try {
    const file = unzipSync(zip, { filter: (entry) => entry.name === name })[name];
    return file && Buffer.from(file).toString('utf8');
  } catch {
    return undefined;
  }
}
