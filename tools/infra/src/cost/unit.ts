/** A unit as exponents of its base names: `GB*s/run` is `{ GB: 1, s: 1, run: -1 }`. Without entries: a plain number. */
export type Unit = Readonly<Record<string, number>>;

/** Reads `a*b/c/d`; `1` stands for no unit. */
export function parseUnit(text: string): Unit {
  const unit: Record<string, number> = {};
  let sign = 1;
  for (const part of text.split(/([*/])/)) {
    if (part === '*') sign = 1;
    else if (part === '/') sign = -1;
    else if (/^[A-Za-z]+$/.test(part)) unit[part] = (unit[part] ?? 0) + sign;
    else if (part !== '1')
      throw new Error(`"${part}" in the unit "${text}" is no name: letters, joined by * and /`);
  }
  return withoutZeros(unit);
}

export function multiply(left: Unit, right: Unit, sign: 1 | -1 = 1): Unit {
  const unit: Record<string, number> = { ...left };
  for (const [name, power] of Object.entries(right)) unit[name] = (unit[name] ?? 0) + sign * power;
  return withoutZeros(unit);
}

export function printUnit(unit: Unit): string {
  const names = Object.entries(unit).sort(([a], [b]) => a.localeCompare(b));
  const join = (power: number): string[] =>
    names.flatMap(([name, its]) => (its * power > 0 ? Array<string>(Math.abs(its)).fill(name) : []));
  const above = join(1).join('*') || '1';
  return [above, ...join(-1)].join('/');
}

export function sameUnit(left: Unit, right: Unit): boolean {
  return printUnit(left) === printUnit(right);
}

function withoutZeros(unit: Readonly<Record<string, number>>): Unit {
  return Object.fromEntries(Object.entries(unit).filter(([, power]) => power !== 0));
}
