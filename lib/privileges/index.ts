export { ACL_FEATURES, type AclFeature, USUAL_FEATURES } from './features.js';
export { type AclOptions, aclRules, type Grants, grantsFor, rulesOf, SENTINEL_GRANTS } from './grants.js';
