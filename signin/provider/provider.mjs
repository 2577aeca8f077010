// An OpenID provider on loopback: oidc-provider, with the keys, the client and the people that it is told in its settings.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));

const provider = new Provider(settings.issuer, {
  jwks: settings.jwks,
  clients: [settings.client],
  cookies: { keys: [settings.cookieKey] },
  // Claims of the person stand in the ID token itself, as many providers have it.
  conformIdTokenClaims: false,
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@firm.example`, email_verified: true }),
  }),
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        scope: 'stafett',
        audience: resource,
        accessTokenTTL: 300,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});

createServer(provider.callback()).listen(settings.port, '127.0.0.1', () => {
  process.stdout.write('listening\n');
});
