// Preloaded into a job's process (`node --import`): the date is what the test says and stands still, so that days pass in
// seconds. Monotonic clocks stay real, so deadlines and locks work as ever.
const text = process.env['VIGIL_TEST_NOW']
if (text !== undefined) {
  const frozenAt = Number(text)
  if (!Number.isFinite(frozenAt)) throw new Error(`VIGIL_TEST_NOW is "${text}"; it has to be ms since the epoch`)
  const RealDate = globalThis.Date
  RealDate.now = () => frozenAt
  globalThis.Date = new Proxy(RealDate, {
    construct: (real, args) => Reflect.construct(real, args.length === 0 ? [frozenAt] : args) as object,
    apply: () => new RealDate(frozenAt).toString(),
  })
}
