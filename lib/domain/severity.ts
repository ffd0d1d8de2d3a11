/** From the worst to the least. Apart from the schemas that use it, which a quiet look of the watchdog need not build. */
export const SEVERITIES = ['critical', 'warning', 'info'] as const
