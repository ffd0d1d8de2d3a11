// Certificates as servers have them, good and bad, made by openssl for one test run.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificate {
  key: string
  cert: string
}

export interface Authority {
  /** Its own certificate, for whoever is to trust it. */
  cert: string
  /** @param days from now on; negative = it is over already */
  issue(host: string, days: number): Certificate
}

/** @param folder takes the files; one for each authority */
export function makeAuthority(folder: string): Authority {
  const path = (name: string) => join(folder, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.pem'),
    '-subj',
    '/CN=Test CA',
    '-days',
    '2',
  )
  return {
    cert: readFileSync(path('ca.pem'), 'utf8'),
    issue(host, days) {
      const name = `${host}.${days}`
      const kind = /^[\d.]+$/.test(host) ? 'IP' : 'DNS'
      writeFileSync(path(`${name}.ext`), `subjectAltName=${kind}:${host}\n`)
      openssl('req', ...newKey, '-keyout', path(`${name}.key`), '-out', path(`${name}.csr`), '-subj', '/CN=mail')
      const signed = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial', '-days', String(days)]
      const files = ['-in', path(`${name}.csr`), '-extfile', path(`${name}.ext`), '-out', path(`${name}.pem`)]
      openssl('x509', '-req', ...signed, ...files)
      return { key: readFileSync(path(`${name}.key`), 'utf8'), cert: readFileSync(path(`${name}.pem`), 'utf8') }
    },
  }
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
