/** What an agent of a given version can do, as a client must see it (protocol section "Version gates"). */
export interface AgentCapabilities {
  /** Many streams in one session. Both sides decide alone and must agree. */
  mux: boolean;
  /** The agent closes its mux session unless frames keep coming, so the client must send NOPs. */
  needsSmuxKeepAlive: boolean;
  /** A TerminateSession flag ends a basic session too; with older agents only the API does. */
  terminateFlagInBasicMode: boolean;
}

/**
 * The agent decides on mux by the client's version, not by its own, so a version that is not four numbers
 * (`3.3.987`, `3.3.987.0-custom`) must not make us believe in an old agent: it is taken for what its numbers say.
 * Without a number in front it says nothing, and counts as old.
 */
export function agentCapabilities(agentVersion: string): AgentCapabilities {
  const newerThan = (version: string): boolean =>
    /^\d+\./.test(agentVersion) && compareVersions(agentVersion, version) > 0;
  return {
    mux: newerThan('3.0.196.0'),
    needsSmuxKeepAlive: !newerThan('3.1.1511.0'),
    terminateFlagInBasicMode: newerThan('2.3.722.0'),
  };
}

/** What an agent grants a client of a given version. */
export interface ClientCapabilities {
  /** Provided that the session's `type` is `LocalPortForwarding`. */
  mux: boolean;
  /** The agent sends NOPs and closes a silent mux session. */
  smuxKeepAlive: boolean;
}

export function clientCapabilities(clientVersion: string): ClientCapabilities {
  return {
    mux: compareVersions(clientVersion, '1.1.70') >= 0,
    smuxKeepAlive: compareVersions(clientVersion, '1.2.331.0') <= 0,
  };
}

/**
 * The agent's comparison, below 0 when `a` is older. SemVer rules when both are SemVer; otherwise part by
 * part, numbers as numbers, anything else as text, and the shorter one is older when the rest is equal.
 */
export function compareVersions(a: string, b: string): number {
  const left = SEMVER.exec(a);
  const right = SEMVER.exec(b);
  if (left === null || right === null) return compareParts(a.split('.'), b.split('.'));
  const core = compareParts(left.slice(1, 4), right.slice(1, 4));
  if (core !== 0) return core;
  const leftPre = left[4];
  const rightPre = right[4];
  if (leftPre === rightPre) return 0;
  if (leftPre === undefined) return 1;
  if (rightPre === undefined) return -1;
  return compareParts(leftPre.split('.'), rightPre.split('.'));
}

const SEMVER = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

function compareParts(left: readonly string[], right: readonly string[]): number {
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const one = left[at] ?? '';
    const other = right[at] ?? '';
    const bothNumbers = /^\d+$/.test(one) && /^\d+$/.test(other);
    const order = bothNumbers ? Number(one) - Number(other) : one < other ? -1 : one > other ? 1 : 0;
    if (order !== 0) return Math.sign(order);
  }
  return Math.sign(left.length - right.length);
}
