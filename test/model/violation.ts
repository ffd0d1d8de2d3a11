// What the oracle throws: the rule that was broken, in one word, and where.
export type Violation = Error & { rule: string }

/** @param rule in one word, so that a test can say which rule caught a mutant */
export function violation(rule: string, about: string): never {
  throw Object.assign(new Error(`${rule}: ${about}`), { rule })
}

export function isViolation(error: unknown): error is Violation {
  return error instanceof Error && 'rule' in error
}
