import { expect, test } from 'vitest';
import { connectedWorker, inWorker } from './connected-worker.ts';

test('without the setup the fixture names the line that is missing', () => {
  expect(inWorker()).toBeUndefined();
  expect(connectedWorker).toThrow(
    expect.objectContaining({
      code: 'VITEST_SETUP_MISSING',
      hint: expect.stringContaining('plugins: [postern()]'),
    }),
  );
});
