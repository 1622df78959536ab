import { describe, expect, test } from 'vitest';
import { clashes } from './clashes.ts';

describe('several declarations on one cluster', () => {
  const group = { login: false } as const;

  test('share what all of them say they share', () => {
    expect(
      clashes([
        { name: 'a', roles: { a_app: 'readwrite' } },
        { name: 'b', roles: { b_app: 'readwrite' } },
      ]),
    ).toEqual([]);
    const app = { shared: true, connectionLimit: 5, settings: { b: 1, a: 2 }, memberOf: ['all', 'some'] };
    expect(
      clashes([
        {
          name: 'a',
          owner: 'both',
          roles: { app: { ...app, grant: 'readwrite' }, all: { ...group, shared: true } },
        },
        {
          name: 'b',
          owner: 'both',
          roles: {
            app: { ...app, settings: { a: 2, b: 1 }, memberOf: ['some', 'all'] },
            some: { ...group, memberOf: ['all'], shared: true },
          },
        },
      ]),
    ).toEqual([]);
  });

  test.each([
    ['a database', [{ name: 'a' }, { name: 'a' }, { name: 'a' }], ['database "a" is declared twice']],
    [
      'a role',
      [
        { name: 'a', roles: { app: 'readonly' } },
        { name: 'b', roles: { app: { shared: true } } },
      ],
      [
        'role "app" is declared by database "a" and by database "b"; where that is meant, all say shared: true (missing in "a")',
      ],
    ],
    [
      'a role with other attributes',
      [
        { name: 'a', roles: { app: { shared: true, login: 'passwordless', connectionLimit: 1 } } },
        { name: 'b', roles: { app: { shared: true, settings: { jit: false } } } },
      ],
      [
        'role "app" is declared by database "a" and by database "b", with different login: "passwordless" and "iam"; they must be equal',
        'role "app" is declared by database "a" and by database "b", with different connectionLimit: 1 and -1; they must be equal',
        'role "app" is declared by database "a" and by database "b", with different settings: {} and {"jit":"off"}; they must be equal',
      ],
    ],
    [
      'an owner without saying so',
      [{ name: 'a' }, { name: 'b', owner: 'a_owner' }],
      [
        `role "a_owner" is the owner of database "a" and of database "b"; where that is meant, both say so: add owner: 'a_owner' to "a"`,
      ],
    ],
    [
      "another's migrator as owner",
      [{ name: 'a' }, { name: 'b', owner: 'a_migrator' }],
      ['role "a_migrator" is the owner of database "b" and the migrator of database "a"'],
    ],
    [
      "another's owner and migrator as roles",
      [{ name: 'a', roles: { b_owner: 'readonly', b_migrator: 'readonly' } }, { name: 'b' }],
      [
        'role "b_owner" is declared by database "a" and is the owner of database "b"',
        'role "b_migrator" is declared by database "a" and is the migrator of database "b"',
      ],
    ],
    [
      'no role that nobody declares',
      [{ name: 'a', roles: { app: { memberOf: ['nobody'] } } }],
      ['database "a": roles.app.memberOf: "nobody": no database declares this role'],
    ],
    [
      'no login as a group',
      [{ name: 'a', roles: { app: { memberOf: ['b', 'c'] }, b: 'readonly', c: { login: 'passwordless' } } }],
      [
        'database "a": roles.app.memberOf: "b": logs in by IAM token, and its members could then log in no other way; a group must say login: false',
        'database "a": roles.app.memberOf: "c": logs in; a group must say login: false',
      ],
    ],
    [
      'no group that belongs to one of them',
      [
        { name: 'a', roles: { app: { memberOf: ['all'] } } },
        { name: 'b', roles: { all: group } },
      ],
      [
        'database "a": roles.app.memberOf: "all": belongs to database "b" alone; there it must say shared: true',
      ],
    ],
    [
      "no other's owner or migrator as a group",
      [{ name: 'a', roles: { app: { memberOf: ['b_owner', 'b_migrator'] } } }, { name: 'b' }],
      [
        'database "a": roles.app.memberOf: "b_migrator": is the migrator of database "b"; whoever is a member could change or drop it',
        'database "a": roles.app.memberOf: "b_owner": is the owner of database "b"; whoever is a member could change or drop it',
      ],
    ],
    [
      'no circle',
      [
        { name: 'a', roles: { z: { ...group, memberOf: ['y'], shared: true } } },
        {
          name: 'b',
          roles: {
            y: { ...group, memberOf: ['x'], shared: true },
            x: { ...group, memberOf: ['z'], shared: true },
            app: { memberOf: ['x'] },
          },
        },
      ],
      ['roles are members of each other: x → z → y → x'],
    ],
  ] as const)('share %s', (_what, declarations, problems) => {
    expect(clashes(declarations)).toEqual(problems);
  });

  test('are not blamed for a group whose declaration is wrong itself', () => {
    expect(clashes([{ name: 'a', roles: { app: { memberOf: ['all'] } } }], true)).toEqual([]);
  });
});
