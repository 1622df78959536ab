import { expect, test } from 'vitest';
import { SmuxReader } from './smux-reader.ts';

const frame = (command: number, streamId: number, data = '', version = 1): Buffer => {
  const header = Buffer.alloc(8);
  header.writeUInt8(version, 0);
  header.writeUInt8(command, 1);
  header.writeUInt16LE(data.length, 2);
  header.writeUInt32LE(streamId, 4);
  return Buffer.concat([header, Buffer.from(data)]);
};

function reading(): { reader: SmuxReader; seen: string[]; gate: { open: boolean } } {
  const seen: string[] = [];
  const gate = { open: true };
  const reader = new SmuxReader({
    syn: (id) => seen.push(`SYN ${id}`),
    psh: (id, data) => seen.push(`PSH ${id} ${data}`),
    fin: (id) => seen.push(`FIN ${id}`),
    update: (id) => seen.push(`UPD ${id}`),
    get ready() {
      return gate.open;
    },
  });
  return { reader, seen, gate };
}

const conversation = Buffer.concat([
  frame(0, 3),
  frame(2, 3, 'hello'),
  frame(3, 0),
  frame(2, 3, ''),
  frame(4, 3).fill(8, 2, 3),
  Buffer.alloc(8, 0xff),
  frame(1, 3),
]);

test('frames are found however the bytes are cut', () => {
  for (let size = 1; size <= conversation.length; size++) {
    const { reader, seen } = reading();
    for (let at = 0; at < conversation.length; at += size)
      expect(reader.push(conversation.subarray(at, at + size))).toBeUndefined();
    expect(seen.join().replaceAll(',PSH 3 ', '')).toBe(
      ['SYN 3', 'hello', 'UPD 3', 'FIN 3'].join().replace('SYN 3,', 'SYN 3'),
    );
  }
});

test('what may not be read yet waits, in order, and is counted', () => {
  const { reader, seen, gate } = reading();
  gate.open = false;
  for (let at = 0; at < conversation.length; at += 5) reader.push(conversation.subarray(at, at + 5));
  expect([seen, reader.waitingBytes]).toEqual([[], conversation.length]);
  gate.open = true;
  expect(reader.resume()).toBeUndefined();
  expect(seen.filter((frame) => !frame.startsWith('PSH'))).toEqual(['SYN 3', 'UPD 3', 'FIN 3']);
  expect(reader.waitingBytes).toBe(0);
});

test('a frame that has begun is read to its end, the next one waits', () => {
  const { reader, seen, gate } = reading();
  reader.push(frame(2, 3, 'first').subarray(0, 10));
  gate.open = false;
  reader.push(Buffer.concat([frame(2, 3, 'first').subarray(10), frame(1, 3)]));
  expect([seen, reader.waitingBytes]).toEqual([['PSH 3 fi', 'PSH 3 rst'], 8]);
  reader.clear();
  expect(reader.waitingBytes).toBe(0);
});

test.each([
  [frame(0, 3, '', 2), 'a frame of smux version 2'],
  [frame(9, 3), 'a frame with the command 9'],
  [frame(0, 3, 'x'), 'a frame with the command 0 and data, which only PSH has'],
])('bytes that are not smux version 1 are named', (bytes, problem) => {
  expect(reading().reader.push(bytes)).toBe(problem);
});
