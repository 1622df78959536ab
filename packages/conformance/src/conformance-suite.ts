import type { Tunnel } from '@postern/ssm-tunnel';
import { afterEach, describe, expect, vi } from 'vitest';
import type { ConformanceHarness, FaultyHarness } from './harness.ts';
import { bytes } from './suite/bytes.ts';
import { closing } from './suite/closing.ts';
import { connections } from './suite/connections.ts';
import { halfClose } from './suite/half-close.ts';
import { listening } from './suite/listening.ts';
import { manners } from './suite/manners.ts';
import { messages } from './suite/messages.ts';
import { networks } from './suite/networks.ts';
import { oldAgents } from './suite/old-agents.ts';
import { opening } from './suite/opening.ts';
import { processes } from './suite/processes.ts';
import { refusals } from './suite/refusals.ts';
import { replacing } from './suite/replacing.ts';
import { resuming } from './suite/resuming.ts';
import { sessionPool } from './suite/session-pool.ts';

/**
 * Registers the tests of a tunnel with vitest. What a test needs beyond a tunnel to an echo decides whether it is
 * registered: nothing is skipped. After each test its tunnels are closed; where the service can be seen, no rule of
 * the protocol may be broken by then and no session be left.
 */
export function conformanceSuite(harness: ConformanceHarness): void {
  describe(`a tunnel through ${harness.name}`, () => {
    const tunnels: Tunnel[] = [];
    const tracked: ConformanceHarness = {
      ...harness,
      async open(options) {
        const tunnel = await harness.open(options);
        tunnels.push(tunnel);
        return tunnel;
      },
    };
    const known = { violations: 0, sessions: 0 };
    afterEach(async () => {
      await Promise.all(tunnels.splice(0).map((tunnel) => tunnel.close()));
      const { inspect } = harness;
      if (inspect === undefined) return;
      const left = (): number => inspect.statistics().openSessions - known.sessions;
      // An agent that was told to end still sends what it has for up to two seconds.
      await vi.waitFor(() => expect(left()).toBe(0), 10_000).catch(() => {});
      // Only what this test added: one that fails must not fail all after it.
      const violations = inspect.violations().slice(known.violations);
      const seen = { violations, left: left() };
      known.violations += violations.length;
      known.sessions += seen.left;
      expect(seen).toEqual({ violations: [], left: 0 });
    });

    opening(tracked);
    bytes(tracked);
    connections(tracked);
    halfClose(tracked);
    listening(tracked);
    refusals(tracked);
    closing(tracked);
    if (harness.options !== undefined) processes(harness.options, tracked);
    manners(tracked);
    sessionPool(tracked);
    networks(tracked);
    if (!isFaulty(tracked)) return;
    messages(tracked);
    resuming(tracked);
    replacing(tracked);
    if (tracked.simulate !== undefined) oldAgents(tracked.simulate);
  });
}

function isFaulty(harness: ConformanceHarness): harness is FaultyHarness {
  return harness.faults !== undefined && harness.inspect !== undefined;
}
