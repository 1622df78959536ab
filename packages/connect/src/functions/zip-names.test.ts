import { expect, test } from 'vitest';
import { zipNames } from './zip-names.ts';

/** A zip of empty entries, by hand: local headers are not looked at, so that it has none. */
function zipOf(names: readonly string[], { before = '', comment = '', extra = '' } = {}): Buffer {
  const entries = names.map((name) => {
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt16LE(Buffer.byteLength(name), 28);
    header.writeUInt16LE(extra.length, 30);
    return Buffer.concat([header, Buffer.from(name), Buffer.from(extra)]);
  });
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(names.length, 10);
  end.writeUInt32LE(before.length, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([Buffer.from(before), ...entries, end, Buffer.from(comment)]);
}

test('the roots are found among the names, wherever they stand', () => {
  const names = ['index.mjs', 'ca.pem', 'notices/§.txt'];
  expect(zipNames(zipOf(names, { before: 'PK data of the files', comment: 'made by', extra: 'UT' }))).toEqual(
    names,
  );
});

test('a view into a larger buffer is read from where it begins', () => {
  const zip = zipOf(['ca.pem']);
  const larger = Buffer.concat([Buffer.from('something else'), zip]);
  expect(zipNames(larger.subarray(14))).toEqual(['ca.pem']);
});

test('what was cut off, or is something else, is no zip', () => {
  const zip = zipOf(['index.mjs', 'ca.pem']);
  for (const bytes of [Buffer.alloc(0), Buffer.from('not found'), zip.subarray(0, -1), zip.subarray(60)])
    expect(zipNames(bytes)).toBeUndefined();
  expect(zipNames(zipOf([]))).toEqual([]);
});
