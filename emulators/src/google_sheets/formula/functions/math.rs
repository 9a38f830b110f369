//! Rounding and arithmetic.

use super::super::super::cell::{ErrorKind, Value};
use super::super::eval::{Outcome, fail};
use super::super::operators::finite;
use super::Arguments;

/// Calls a function of this family.
pub(super) fn call(name: &str, arguments: &Arguments) -> Option<Outcome> {
    Some(match name {
        "INT" => arguments.number(0).and_then(|number| finite(number.floor())),
        "ABS" => arguments.number(0).and_then(|number| finite(number.abs())),
        "SIGN" => arguments.number(0).and_then(|number| finite(if number == 0.0 { 0.0 } else { number.signum() })),
        "SQRT" => arguments.number(0).and_then(|number| finite(number.sqrt())),
        "EXP" => arguments.number(0).and_then(|number| finite(number.exp())),
        "LN" => arguments.number(0).and_then(|number| finite(number.ln())),
        "LOG" => both(arguments, (0, 1), 10.0).and_then(|(number, base)| finite(number.log(base))),
        "LOG10" => arguments.number(0).and_then(|number| finite(number.log10())),
        "PI" => Ok(Value::Number(std::f64::consts::PI)),
        "POWER" | "POW" => both(arguments, (0, 1), f64::NAN).and_then(|(base, power)| finite(base.powf(power))),
        "MOD" => modulo(arguments),
        "ROUND" => rounded(arguments, f64::round),
        "ROUNDUP" => rounded(arguments, |number| number.abs().ceil().copysign(number)),
        "ROUNDDOWN" | "TRUNC" => rounded(arguments, f64::trunc),
        "CEILING" => stepped(arguments, f64::ceil),
        "FLOOR" => stepped(arguments, f64::floor),
        "MROUND" => stepped(arguments, f64::round),
        "DIVIDE" => both(arguments, (0, 1), 0.0)
            .and_then(|(one, other)| if other == 0.0 { divided_by_zero("DIVIDE") } else { finite(one / other) }),
        "QUOTIENT" => both(arguments, (0, 1), 0.0).and_then(|(one, other)| {
            if other == 0.0 { divided_by_zero("QUOTIENT") } else { finite((one / other).trunc()) }
        }),
        _ => return None,
    })
}

fn both(arguments: &Arguments, (first, second): (usize, usize), default: f64) -> Outcome<(f64, f64)> {
    Ok((arguments.number(first)?, arguments.number_or(second, default)?))
}

fn divided_by_zero(name: &str) -> Outcome {
    fail(ErrorKind::DivideByZero, format!("Function {name} parameter 2 cannot be zero."))
}

fn modulo(arguments: &Arguments) -> Outcome {
    let (number, divisor) = both(arguments, (0, 1), 0.0)?;
    if divisor == 0.0 { divided_by_zero("MOD") } else { finite(number - divisor * (number / divisor).floor()) }
}

fn rounded(arguments: &Arguments, round: fn(f64) -> f64) -> Outcome {
    let (number, places) = both(arguments, (0, 1), 0.0)?;
    let scale = 10_f64.powf(places.trunc());
    // What a decimal text shows is rounded, not the noise behind it.
    let scaled: f64 = format!("{:.9}", number * scale).parse().unwrap_or(number * scale);
    finite(round(scaled) / scale)
}

fn stepped(arguments: &Arguments, round: fn(f64) -> f64) -> Outcome {
    let (number, step) = both(arguments, (0, 1), 1.0)?;
    if step == 0.0 { Ok(Value::Number(0.0)) } else { finite(round(number / step) * step) }
}
