import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readEvent } from './event.ts';
import { parseMonth } from './month.ts';

const tenant = '0f8fad5b-d9cb-469f-a165-70867728950e';

describe('an event', () => {
  test('names a tenant and a month', () => {
    expect(readEvent({ tenant: tenant.toUpperCase(), month: '2026-05' })).toEqual({
      tenant,
      month: { name: '2026-05', firstDay: '2026-05-01', nextFirstDay: '2026-06-01' },
    });
  });

  test.each([
    [undefined, 'The event is no object.'],
    [[], 'The event is no object.'],
    [{ month: '2026-05' }, 'The event names no tenant by its id.'],
    [{ tenant: `urn:uuid:${tenant}`, month: '2026-05' }, 'The event names no tenant by its id.'],
    [{ tenant }, 'The event has no month like "2026-05".'],
    [{ tenant, month: '2026-13' }, 'The event has no month like "2026-05".'],
    [{ tenant, month: '2026-5' }, 'The event has no month like "2026-05".'],
    [{ tenant, month: '2026-05', moth: 1 }, 'The event has an unknown field "moth".'],
  ])('%j is refused: %s', (event, message) => {
    expect(() => readEvent(event)).toThrow(expect.objectContaining({ code: 'EVENT_INVALID', message }));
  });

  test('of any shape is read or refused by its code', () => {
    fc.assert(
      fc.property(fc.anything(), (event) => {
        expect(() => readEvent(event)).toThrow(expect.objectContaining({ code: 'EVENT_INVALID' }));
      }),
    );
  });
});

test('months follow each other without a gap', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1900, max: 9998 }), fc.integer({ min: 1, max: 12 }), (year, number) => {
      const month = parseMonth(`${year}-${String(number).padStart(2, '0')}`);
      const days = (Date.parse(month.nextFirstDay) - Date.parse(month.firstDay)) / 86_400_000;
      expect(days).toBeGreaterThanOrEqual(28);
      expect(days).toBeLessThanOrEqual(31);
      expect(parseMonth(month.nextFirstDay.slice(0, 7)).firstDay).toBe(month.nextFirstDay);
    }),
  );
});
