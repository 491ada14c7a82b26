export {
  oidcProviderAdapter,
  type OidcProviderAdapterOptions,
  type StandaloneOidcProviderAdapter,
  type StandaloneOidcProviderAdapterOptions,
} from './oidc-provider-adapter.js';
