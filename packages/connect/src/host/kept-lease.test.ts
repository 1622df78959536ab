import type { Lease } from '@postern/test-databases';
import { describe, expect, it, vi } from 'vitest';
import { keepLease } from './kept-lease.ts';

/** A lease whose loss the test decides. */
function lease(): Lease & { lose: (reason: unknown) => void } {
  let end: (result: { reason: unknown }) => void = () => undefined;
  const closed = new Promise<{ reason: unknown }>((resolve) => {
    end = resolve;
  });
  const close = vi.fn(async () => end({ reason: undefined }));
  return { run: 'r', closed, close, lose: (reason) => end({ reason }), [Symbol.asyncDispose]: close };
}

const watched = () => ({ onLost: vi.fn(), onGone: vi.fn(), retryMs: 1 });

describe('the lease of a run', () => {
  it('is taken again when its session is lost, until that works', async () => {
    const [first, second] = [lease(), lease()];
    const hold = vi
      .fn<() => Promise<Lease>>()
      .mockResolvedValueOnce(first)
      .mockRejectedValueOnce(Object.assign(new Error('held'), { code: 'TESTDB_RUN_HELD' }))
      .mockRejectedValueOnce(new Error('no tunnel'))
      .mockResolvedValueOnce(second);
    const options = watched();
    const kept = await keepLease({ hold, ...options });
    const reason = new Error('the tunnel broke');
    first.lose(reason);
    await vi.waitFor(() => expect(hold).toHaveBeenCalledTimes(4), 20_000);
    expect(options.onLost).toHaveBeenCalledExactlyOnceWith(reason);
    await kept.close();
    expect(second.close).toHaveBeenCalledOnce();
  });

  it('is given up when the run was swept in the meantime', async () => {
    const first = lease();
    const gone = Object.assign(new Error('closed'), { code: 'TESTDB_RUN_CLOSED' });
    const hold = vi.fn<() => Promise<Lease>>().mockResolvedValueOnce(first).mockRejectedValueOnce(gone);
    const options = watched();
    const kept = await keepLease({ hold, ...options });
    first.lose(new Error('slept too long'));
    await vi.waitFor(() => expect(options.onGone).toHaveBeenCalledExactlyOnceWith(gone), 20_000);
    await kept.close();
    expect(hold).toHaveBeenCalledTimes(2);
  });

  it('is not taken again after it was given back', async () => {
    const first = lease();
    const hold = vi.fn<() => Promise<Lease>>().mockResolvedValueOnce(first);
    const options = watched();
    const kept = await keepLease({ hold, ...options });
    await kept.close();
    await first.closed;
    expect(hold).toHaveBeenCalledOnce();
    expect(options.onLost).not.toHaveBeenCalled();
  });

  it('that comes back after the end is given back at once', async () => {
    const [first, late] = [lease(), lease()];
    let arrive: (lease: Lease) => void = () => undefined;
    const hold = vi
      .fn<() => Promise<Lease>>()
      .mockResolvedValueOnce(first)
      .mockReturnValueOnce(
        new Promise((resolve) => {
          arrive = resolve;
        }),
      );
    const kept = await keepLease({ hold, ...watched() });
    first.lose(new Error('lost'));
    await vi.waitFor(() => expect(hold).toHaveBeenCalledTimes(2), 20_000);
    await kept.close();
    arrive(late);
    await vi.waitFor(() => expect(late.close).toHaveBeenCalledOnce(), 20_000);
  });
});
