const MAX_INPUT_BYTES = 8_192;
const BYTES = [0, 1, 2, 3, 4, 7, 8, 0x10, 0x20, 0x22, 0x30, 0x39, 0x7b, 0x7d, 0x7f, 0x80, 0xfe, 0xff];
const NUMBERS = [
  0, 1, 2, 4, 7, 8, 116, 120, 255, 256, 1_024, 32_767, 65_535, 65_536, 0x7fff_ffff, 0xffff_ffff,
];

/** One change or a few, out of what usually finds something. */
export function mutate(
  parent: Uint8Array,
  other: Uint8Array,
  words: readonly string[],
  random: () => number,
): Uint8Array {
  const below = (limit: number): number => Math.floor(random() * limit);
  const one = <Value>(values: readonly Value[]): Value | undefined => values[below(values.length)];
  let bytes = Buffer.from(parent);
  const replace = (at: number, removed: number, added: Uint8Array): void => {
    bytes = Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
  };
  const changes: (() => void)[] = [
    () => {
      if (bytes.length > 0) bytes[below(bytes.length)] = one(BYTES) ?? 0;
    },
    () => {
      const at = below(bytes.length);
      if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
    },
    () => {
      if (bytes.length > 0) bytes[below(bytes.length)] = below(256);
    },
    () => {
      const at = below(bytes.length);
      if (bytes.length > 0) bytes[at] = ((bytes[at] ?? 0) + below(9) - 4) & 0xff;
    },
    () =>
      replace(
        below(bytes.length + 1),
        0,
        Uint8Array.from({ length: 1 + below(8) }, () => below(256)),
      ),
    () => replace(below(bytes.length + 1), below(Math.min(32, bytes.length + 1)), new Uint8Array(0)),
    () => replace(below(bytes.length + 1), 0, Buffer.from(one(words) ?? '')),
    () => {
      const word = Buffer.from(one(words) ?? '');
      replace(below(bytes.length + 1), word.length, word);
    },
    () => {
      const from = below(bytes.length + 1);
      replace(below(bytes.length + 1), 0, bytes.subarray(from, from + 1 + below(64)));
    },
    () => {
      const from = below(other.length + 1);
      replace(below(bytes.length + 1), below(64), other.subarray(from, from + 1 + below(128)));
    },
    () => replace(below(bytes.length + 1), bytes.length, other.subarray(below(other.length + 1))),
    () => {
      const value = one(NUMBERS) ?? 0;
      const wide = random() < 0.5 && bytes.length >= 4;
      if (bytes.length < 2) return;
      const at = below(bytes.length - (wide ? 3 : 1));
      if (wide && random() < 0.5) bytes.writeUInt32BE(value, at);
      else if (wide) bytes.writeUInt32LE(value, at);
      else if (random() < 0.5) bytes.writeUInt16BE(value & 0xffff, at);
      else bytes.writeUInt16LE(value & 0xffff, at);
    },
    () => {
      if (random() < 0.1) replace(below(bytes.length + 1), 0, Buffer.alloc(below(2_048), below(256)));
    },
  ];
  for (let count = 1 + below(random() < 0.2 ? 16 : 4); count > 0; count--) one(changes)?.();
  return bytes.subarray(0, MAX_INPUT_BYTES);
}
