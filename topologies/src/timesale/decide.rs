//! Which orders are confirmed, and every other decision: pure functions of rows, message and now. No other file of the topology decides anything.

use holdfast_model::id_rule;
use holdfast_model::timesale::command_outcome::CommandRefusal;
use holdfast_model::timesale::message::{AdjustStock, CancelOrder, CreateSale, OrderRequest};
use holdfast_model::timesale::outcome::Refusal;
use holdfast_model::timesale::row::{OrderRow, PRICE_MAX_KRW, RefusedRow, SaleRow, TermsRow, UNITS_MAX};
use holdfast_model::wire::When;

/// Longest sale id, in bytes: it is part of the keys of all its buyers.
const SALE_ID_BYTES_MAX: usize = 64;
/// Ids that no sale may have: `GET /api/timesales/orders/{orderId}` is no sale.
pub const RESERVED_SALE_IDS: [&str; 1] = ["orders"];
/// Longest title, in characters: it stands in every notification.
const TITLE_CHARS_MAX: usize = 200;

/// What a confirmed order changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// The units of the order.
    pub quantity: u64,
    /// Units sold in the sale, with these.
    pub sold: u64,
    /// Units that the buyer has, with these.
    pub buyer_units: u64,
}

/// Decides an order that has not been decided: all its units or none. `buyer_units`: how many units of the sale the buyer has.
///
/// What is wrong with the order by itself comes before the window, the window before the buyer's limit, the limit before the stock: a buyer who has reached the
/// limit is told so even when nothing is left.
///
/// # Errors
/// The reason why it is not confirmed.
pub fn order(
    sale: Option<&SaleRow>,
    buyer_units: u64,
    order: &OrderRequest<'_>,
    now_ms: i64,
) -> Result<Confirmed, Refusal> {
    let sale = sale.ok_or(Refusal::UnknownSale)?;
    if order.user_id.trim().is_empty() {
        return Err(Refusal::NoUser);
    }
    if id_rule::check(&order.user_id).is_err() {
        return Err(Refusal::BadUser);
    }
    let quantity = u64::try_from(order.quantity).ok().filter(|units| *units > 0).ok_or(Refusal::BadQuantity)?;
    let above_limit = |units: u64| sale.limit_per_user.is_some_and(|limit| units > limit);
    if above_limit(quantity) {
        return Err(Refusal::AboveLimit);
    }
    if sale.starts_ms.is_some_and(|start| now_ms < start) {
        return Err(Refusal::NotStarted);
    }
    if sale.ends_ms.is_some_and(|end| now_ms >= end) {
        return Err(Refusal::Ended);
    }
    let buyer_units = buyer_units.saturating_add(quantity);
    if above_limit(buyer_units) {
        return Err(Refusal::LimitExceeded);
    }
    if quantity > sale.remaining() {
        return Err(Refusal::InsufficientStock);
    }
    Ok(Confirmed { quantity, sold: sale.sold + quantity, buyer_units })
}

/// What becomes of a cancel command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancellation {
    /// This row is written, and the units of the order [go back](give_back).
    New(OrderRow),
    /// The order was cancelled before: its units have gone back.
    Unchanged,
}

/// Decides whether an order is cancelled: a confirmed one, by its buyer, once.
///
/// # Errors
/// The reason why not. Another user's order is unknown: an id that was guessed tells nothing.
pub fn cancel(
    command: &CancelOrder,
    confirmed: Option<OrderRow>,
    refused: Option<&RefusedRow>,
    now_ms: i64,
) -> Result<Cancellation, CommandRefusal> {
    match (confirmed, refused) {
        (Some(order), _) if order.user_id == command.user_id => Ok(match order.cancelled_ms {
            None => Cancellation::New(OrderRow { cancelled_ms: Some(now_ms), ..order }),
            Some(_) => Cancellation::Unchanged,
        }),
        (None, Some(refused)) if refused.user_id == command.user_id => Err(CommandRefusal::NotConfirmed),
        _ => Err(CommandRefusal::UnknownOrder),
    }
}

/// What a cancelled order leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenBack {
    /// Units sold in the sale, without those of the order.
    pub sold: u64,
    /// Units that the buyer has, without those of the order.
    pub buyer_units: u64,
}

/// What is left when `quantity` units go back; `None` when sale and buyer do not have as many, so the rows contradict each other.
#[must_use]
pub fn give_back(sale: &SaleRow, buyer_units: u64, quantity: u64) -> Option<GivenBack> {
    Some(GivenBack { sold: sale.sold.checked_sub(quantity)?, buyer_units: buyer_units.checked_sub(quantity)? })
}

/// What becomes of a create command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// These rows are written.
    New(SaleRow, TermsRow),
    /// The sale is there, created with the same words.
    Unchanged,
}

/// Decides whether a sale is created.
///
/// # Errors
/// The reason why not.
pub fn create_sale(
    command: &CreateSale,
    existing: Option<(&SaleRow, &TermsRow)>,
    now_ms: i64,
) -> Result<Creation, CommandRefusal> {
    let (sale, terms) = rows_of(command, now_ms)?;
    match existing {
        None => Ok(Creation::New(sale, terms)),
        Some((there, its_terms)) => {
            // Stock and sold units have changed since; the stock at creation is in the terms.
            let same = *there == SaleRow { total: there.total, sold: there.sold, ..sale }
                && *its_terms == TermsRow { created_ms: its_terms.created_ms, ..terms };
            if same { Ok(Creation::Unchanged) } else { Err(CommandRefusal::SaleExists) }
        }
    }
}

fn rows_of(command: &CreateSale, now_ms: i64) -> Result<(SaleRow, TermsRow), CommandRefusal> {
    if !is_sale_id(&command.time_sale_id) {
        return Err(CommandRefusal::BadSaleId);
    }
    if command.title.trim().is_empty() || command.title.chars().count() > TITLE_CHARS_MAX {
        return Err(CommandRefusal::BadTitle);
    }
    if command.product_id.as_deref().is_some_and(|id| id_rule::check(id).is_err()) {
        return Err(CommandRefusal::BadProductId);
    }
    let total = within(command.total_quantity, UNITS_MAX).ok_or(CommandRefusal::BadQuantity)?;
    let limit_per_user = command.limit_per_user.map(|limit| u64::try_from(limit).ok().filter(|units| *units > 0));
    if limit_per_user == Some(None) {
        return Err(CommandRefusal::BadLimit);
    }
    let discount_price = price(command.discount_price)?;
    let original_price = command.original_price.map(price).transpose()?;
    if original_price.is_some_and(|original| original < discount_price) {
        return Err(CommandRefusal::BadPrice);
    }
    let (starts_ms, ends_ms) = (moment(command.start_time)?, moment(command.end_time)?);
    if let (Some(start), Some(end)) = (starts_ms, ends_ms)
        && start >= end
    {
        return Err(CommandRefusal::BadWindow);
    }
    let sale = SaleRow {
        total,
        sold: 0,
        limit_per_user: limit_per_user.flatten(),
        starts_ms,
        ends_ms,
        discount_price,
        title: command.title.clone(),
    };
    let terms = TermsRow {
        total_at_creation: total,
        description: command.description.clone(),
        product_id: command.product_id.clone(),
        original_price,
        created_ms: now_ms,
    };
    Ok((sale, terms))
}

/// Letters of any script, digits and `._-`: the id stands in keys and paths.
fn is_sale_id(id: &str) -> bool {
    id.len() <= SALE_ID_BYTES_MAX
        && id.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))
        && id_rule::check(id).is_ok()
        && !RESERVED_SALE_IDS.contains(&id)
}

fn within(number: i64, max: u64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number <= max)
}

fn price(krw: i64) -> Result<u64, CommandRefusal> {
    within(krw, PRICE_MAX_KRW).ok_or(CommandRefusal::BadPrice)
}

fn moment(when: Option<When>) -> Result<Option<i64>, CommandRefusal> {
    match when {
        None => Ok(None),
        // HTTP refuses what is doubtful. A record in the log is decided by its most likely meaning.
        Some(When::Ms(ms) | When::Doubtful(ms)) => Ok(Some(ms)),
        Some(When::Unreadable) => Err(CommandRefusal::BadTime),
    }
}

/// Decides what the stock of a sale becomes: never below what is sold.
///
/// # Errors
/// The reason why it stays as it is.
pub fn adjust_stock(command: &AdjustStock, sale: Option<&SaleRow>) -> Result<SaleRow, CommandRefusal> {
    let sale = sale.ok_or(CommandRefusal::UnknownSale)?;
    let total = i128::from(sale.total) + i128::from(command.by);
    if total < i128::from(sale.sold) {
        return Err(CommandRefusal::BelowSold);
    }
    // The bound of a create command: what can be created can be adjusted to, and nothing else.
    let total = u64::try_from(total).ok().filter(|total| *total <= UNITS_MAX).ok_or(CommandRefusal::BadQuantity)?;
    Ok(SaleRow { total, ..sale.clone() })
}

#[cfg(test)]
mod tests;
