const endOfDirectory = 0x06054b50;
const entryOfDirectory = 0x02014b50;

/**
 * The names of what a zip holds, without unpacking anything. Undefined: it is no zip.
 *
 * Source: .ZIP File Format Specification (APPNOTE.TXT), 4.3.12 "Central directory structure" and 4.3.16 "End of central directory
 * record". Without ZIP64, whose archives are larger than Lambda takes.
 */
export function zipNames(zip: Uint8Array): string[] | undefined {
  const bytes = Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
  // The record is last, but for a comment of at most 65,535 bytes.
  let end = bytes.length - 22;
  const first = Math.max(0, end - 0xffff);
  while (end >= first && bytes.readUInt32LE(end) !== endOfDirectory) end--;
  if (end < first) return undefined;
  const names: string[] = [];
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    if (at + 46 > end || bytes.readUInt32LE(at) !== entryOfDirectory) return undefined;
    const length = bytes.readUInt16LE(at + 28);
    names.push(bytes.toString('utf8', at + 46, at + 46 + length));
    at += 46 + length + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return names;
}
