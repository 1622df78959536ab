import { type Samples, summarise } from './report/samples.ts';

/** One way of doing the same work; returns the figure to compare. */
export interface Contestant {
  readonly name: string;
  run(): Promise<number>;
}

/**
 * Lets the contestants take turns (A B A B), so that whatever else the machine does meets all of them. A first round
 * that is not counted warms up code, sockets and windows.
 */
export async function takeTurns(
  contestants: readonly Contestant[],
  rounds: number,
): Promise<Map<string, Samples & { values: readonly number[] }>> {
  const values = new Map(contestants.map(({ name }) => [name, [] as number[]]));
  for (let round = -1; round < rounds; round++) {
    for (const { name, run } of contestants) {
      const value = await run();
      if (round >= 0) values.get(name)?.push(value);
    }
  }
  return new Map([...values].map(([name, list]) => [name, { ...summarise(list), values: list }]));
}
