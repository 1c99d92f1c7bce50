//! The table of cancellation fees as an operator writes it: `10:0,7:10,3:20,1:30,0:90` is, from 10 calendar days before the show on nothing is kept, from 7 on
//! 10 percent, … and on its day 90.

use super::settings::Fee;

/// Further ahead nobody sells.
const DAYS_MAX: i64 = 3_660;
/// A row for each day of a month.
const ROWS_MAX: usize = 32;

/// Reads a table.
///
/// # Errors
/// Why it is none. A table that would charge somebody who is later less, or that says nothing about the last day, is a typing error.
pub(super) fn parse(text: &str) -> Result<Vec<Fee>, String> {
    let fees = text.split(',').map(|row| self::row(row.trim())).collect::<Result<Vec<_>, _>>()?;
    if fees.len() > ROWS_MAX {
        return Err(format!("has {} rows, more than {ROWS_MAX}", fees.len()));
    }
    for pair in fees.windows(2) {
        if let [earlier, later] = pair
            && (earlier.days_before_min <= later.days_before_min || earlier.percent > later.percent)
        {
            return Err(format!("{} after {}: days must fall and percents must not", shown(*later), shown(*earlier)));
        }
    }
    match fees.last() {
        Some(last) if last.days_before_min == 0 => Ok(fees),
        _ => Err("must end with the day of the show, such as 0:90".to_owned()),
    }
}

fn row(text: &str) -> Result<Fee, String> {
    let fee = text.split_once(':').and_then(|(days, percent)| {
        Some(Fee { days_before_min: days.trim().parse().ok()?, percent: percent.trim().parse().ok()? })
    });
    fee.filter(|fee| (0..=DAYS_MAX).contains(&fee.days_before_min) && fee.percent <= 100).ok_or_else(|| {
        format!("{text:?} is not days:percent, with days from 0 to {DAYS_MAX} and percent from 0 to 100")
    })
}

fn shown(fee: Fee) -> String {
    format!("{}:{}", fee.days_before_min, fee.percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_it_is_written() {
        let fees = |rows: &[(i64, u64)]| -> Vec<Fee> {
            rows.iter().map(|&(days_before_min, percent)| Fee { days_before_min, percent }).collect()
        };
        assert_eq!(parse("30:0, 7:10 ,0:100"), Ok(fees(&[(30, 0), (7, 10), (0, 100)])));
        assert_eq!(parse("0:0"), Ok(fees(&[(0, 0)])), "nothing is ever kept");
        assert_eq!(parse("7:10,3:10,0:10"), Ok(fees(&[(7, 10), (3, 10), (0, 10)])));
    }

    #[test]
    fn what_is_no_table_is_refused_and_says_why() {
        for (text, why) in [
            ("", "days:percent"),
            ("10", "\"10\" is not days:percent"),
            ("10:0,", "\"\" is not days:percent"),
            ("10:0;0:90", "days:percent"),
            ("-1:0,0:90", "days from 0"),
            ("4000:0,0:90", "days from 0"),
            ("10:0,0:101", "percent from 0 to 100"),
            ("10:-5,0:90", "days:percent"),
            ("10:0.5,0:90", "days:percent"),
            ("10:0%,0:90", "days:percent"),
            ("0:90,10:0", "10:0 after 0:90"),
            ("10:0,10:10,0:90", "10:10 after 10:0"),
            ("10:50,0:40", "0:40 after 10:50"),
            ("10:0,1:30", "must end with the day of the show"),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(why), "{text:?}: {said}");
        }
        let long: Vec<String> = (0..40).rev().map(|day| format!("{day}:0")).collect();
        assert!(parse(&long.join(",")).unwrap_err().contains("40 rows"));
    }
}
