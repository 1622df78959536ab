/** What an agent of a given version can do, as a client must see it (protocol section "Version gates"). */
export interface AgentCapabilities {
  /** Many streams in one session. Both sides decide alone and must agree. */
  mux: boolean;
  /** The agent closes its mux session unless frames keep coming, so the client must send NOPs. */
  needsSmuxKeepAlive: boolean;
  /** A TerminateSession flag ends a basic session too; with older agents only the API does. */
  terminateFlagInBasicMode: boolean;
}

export function agentCapabilities(agentVersion: string): AgentCapabilities {
  return {
    mux: isNewer(agentVersion, '3.0.196.0'),
    needsSmuxKeepAlive: !isNewer(agentVersion, '3.1.1511.0'),
    terminateFlagInBasicMode: isNewer(agentVersion, '2.3.722.0'),
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
 * The client's comparison: strictly newer. Versions with different numbers of parts, or parts that are not
 * numbers, count as not newer.
 */
export function isNewer(version: string, than: string): boolean {
  const left = version.split('.');
  const right = than.split('.');
  if (left.length !== right.length || ![...left, ...right].every((part) => /^\d+$/.test(part))) return false;
  return compareParts(left, right) > 0;
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
