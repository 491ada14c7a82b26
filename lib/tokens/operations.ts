/** Methods of a TokenStore of which each call is told. */
export const OPERATIONS = [
  'create',
  'get',
  'update',
  'refresh',
  'delete',
  'consume',
  'list',
  'count',
  'deleteAll',
  'createCode',
  'verifyCode',
] as const;
