import { defineDatabase } from '@postern/bootstrap';

export default defineDatabase({
  name: 'ledger',
  roles: {
    ledger_app: 'readwrite',
    ledger_readonly: 'readonly',
    // The statements service reads the closed books.
    statements_reader: 'readonly',
  },
  // citext: account codes are equal whatever their case. btree_gist: periods of one tenant do not overlap.
  extensions: ['btree_gist', 'citext'],
});
