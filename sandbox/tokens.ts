import { createHash, randomBytes } from 'node:crypto'

// 71 bytes are 95 characters: as long as the real ones, so that what breaks on long tokens breaks here too.
const TOKEN_BYTES = 71

export function newAccessToken(): string {
  return `sk-ant-oat01-${randomBytes(TOKEN_BYTES).toString('base64url')}`
}

export function newRefreshToken(): string {
  return `sk-ant-ort01-${randomBytes(TOKEN_BYTES).toString('base64url')}`
}

/** 12 hex digits that name a token without showing it; null for the empty token of a logged-out login. */
export function fingerprint(token: string): string | null {
  return token === '' ? null : createHash('sha256').update(token).digest('hex').slice(0, 12)
}
