import { describe, expect, test } from 'vitest';
import { may } from './ask.ts';
import { renderRole } from './roles.ts';
import { roleTables } from './tables/all.ts';
import { anybody } from './tables/anybody.ts';
import { variables } from './tables/scene.ts';

const everybody = roleTables.map(({ title, role, variables: own, without }) => ({
  title,
  policies: Object.values(renderRole(role, { ...variables, ...own }, without)),
}));

describe('of all roles, who may', () => {
  test.each(anybody)('%s on %s: %j', (action, resource, allowed) => {
    const found = everybody.filter(({ policies }) => may(policies, action, resource));
    expect(found.map(({ title }) => title).sort()).toEqual([...allowed].sort());
  });
});
