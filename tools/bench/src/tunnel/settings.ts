/** How much is measured. */
export interface Settings {
  /** Counted repetitions of each contestant; one more warms up. */
  readonly rounds: number;
  /** Share of the usual amounts of data and messages. */
  readonly scale: number;
  /** Where CPU profiles are written as `.cpuprofile`; undefined: nowhere. */
  readonly profileFolder: string | undefined;
}

export const FULL: Settings = { rounds: 5, scale: 1, profileFolder: undefined };
export const QUICK: Settings = { rounds: 3, scale: 0.2, profileFolder: undefined };

/** The usual amount, scaled; at least one. */
export function amount(usual: number, { scale }: Settings): number {
  return Math.max(1, Math.round(usual * scale));
}
