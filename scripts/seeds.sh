#!/usr/bin/env bash
# The requests of the seeds as they stand there, sent to a running worker, and for each sentence about them whether it is so.
#   scripts/seeds.sh [URL] [SCENE...]     URL of a worker with the sample data [http://127.0.0.1:3000], scenes [eleven issue thousand order reserve expire]
# `make run` with an empty directory has what `eleven` counts on: 100 coupons. Exit code 1: something is not as written.
set -euo pipefail

url=${1:-http://127.0.0.1:3000}
shift || true
[ $# -gt 0 ] || set -- eleven issue thousand order reserve expire
wrong=0
# How often something is looked at that takes its time, ten times a second.
LOOKS_MAX=3000

# says ID SENTENCE COMMAND...: whether the sentence is so.
says() {
  local id=$1 sentence=$2
  shift 2
  if "$@"; then
    echo "$id  as written: $sentence"
  else
    echo "$id  NOT AS WRITTEN: $sentence; the last answer was $status $said"
    wrong=1
  fi
}

# ask METHOD PATH [BODY] [HEADER]: sets status and said; status 000 = nobody answered.
ask() {
  local options=()
  [ -z "${3:-}" ] || options+=(-H "Content-Type: application/json" -d "$3")
  [ -z "${4:-}" ] || options+=(-H "$4")
  said=$(curl -sS -w '\n%{http_code}' -X "$1" "$url$2" "${options[@]}" 2>/dev/null) || true
  status=${said##*$'\n'}
  said=${said%$'\n'*}
}

# decide PATH BODY [KEY]: a POST that is asked again under its key while the answer is 202: not decided within 3 s.
decide() {
  local look key=${3:-$(uuid)}
  for ((look = 0; look < LOOKS_MAX; look++)); do
    ask POST "$1" "$2" "Idempotency-Key: $key"
    [ "$status" = 202 ] || return 0
    sleep 0.1
  done
}

uuid() { cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen; }

# field NAME: what the last answer says under it; nothing if it does not.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<<"$said"; }
answered() { [[ "$status" =~ ^($1)$ ]]; }
is() { [ "$(field "$1")" = "$2" ]; }
like() { [[ "$(field "$1")" =~ ^$2$ ]]; }

# becomes PATH NAME VALUE: looks until the answer says so.
becomes() {
  local look
  for ((look = 0; look < LOOKS_MAX; look++)); do
    ask GET "$1"
    is "$2" "$3" && return
    sleep 0.1
  done
  return 1
}

ms() { date -d "$1" +%s%3N; }

# S3-29 to S3-31: one request, then ten at once: 11 issued, 89 left.
eleven() {
  echo "=== Kafka 모드 테스트 ==="
  curl -s -w "응답시간: %{time_total}s\n" -X POST "$url/api/coupons/1/issue?userId=16"
  says S3-31 "the first is issued" becomes /api/coupons/policies/1 issued 1
  echo "Kafka 동시 10개 요청 테스트:"
  local start_time elapsed
  start_time=$(date +%s%3N)
  for i in {17..26}; do
    curl -s -X POST "$url/api/coupons/1/issue?userId=$i" >/dev/null &
  done
  wait
  elapsed=$(($(date +%s%3N) - start_time))
  echo "총 소요시간: ${elapsed}ms"
  says S3-31 "11 are issued" becomes /api/coupons/policies/1 issued 11
  says S3-31 "the stock is 89" is remaining 89
  ask GET /api/coupons/users/16
  says S3-31 "user 16 has one of them" is status ISSUED
}

# S4-5, S4-6: the answer at once, and what becomes of it.
issue() {
  ask POST "/api/coupons/issue?strategy=v3" '{
    "policyId": "1",
    "userId": "1001"
  }'
  says S4-6 "it is answered PENDING" is status PENDING
  says S4-6 "in these words" is message "쿠폰 발급 요청이 접수되었습니다. 잠시 후 확인해주세요."
  says S4-6 "for policy 1" is policyId 1
  says S4-6 "and user 1001" is userId 1001
  says S4-6 "and the coupon is issued" becomes "/api/coupons/requests/$(field requestId)" status SUCCESS
}

# S4-30: a thousand users, a hundred at a time.
thousand() {
  local answers pending known
  answers=$(seq 1 1000 | url="$url" xargs -P 100 -I{} sh -c '
    curl -s -X POST "$url/api/coupons/issue?strategy=v3" \
      -H "Content-Type: application/json" \
      -d "{\"policyId\":\"1\",\"userId\":\"{}\"}"; echo')
  # Two answers may share a line.
  pending=$(grep -o '"status":"PENDING"' <<<"$answers" | wc -l || true)
  # Who has one already is told so at once.
  known=$(grep -o '"code":"DUPLICATE_REQUEST"' <<<"$answers" | wc -l || true)
  status="" said="$pending PENDING and $known who have one"
  says S4-30 "all of 1000 are answered at once" [ $((pending + known)) -eq 1000 ]
  says S4-30 "and the first get what is left" becomes /api/coupons/policies/1 remaining 0
  says S4-30 "which is no more than there are" is issued 100
}

# S4-13 to S4-16: the answer at once, and what becomes of it.
order() {
  ask POST "/api/timesales/1/orders?strategy=v3" '{
    "userId": "1001",
    "quantity": 1
  }'
  local id
  id=$(field orderId)
  says S4-14 "it is answered QUEUED" is status QUEUED
  says S4-14 "in these words" is message "주문 요청이 대기열에 등록되었습니다. 순차적으로 처리됩니다."
  says S4-14 "for sale 1" is timeSaleId 1
  says S4-14 "and user 1001" is userId 1001
  says S4-14 "with a place in the queue" like queuePosition 'Processing\.\.\.|[0-9]+'
  says S4-16 "and the order is confirmed" becomes "/api/timesales/orders/$id" status CONFIRMED
  ask GET /api/timesales/1
  says S4-16 "one unit less is left" is remaining 99
}

# S0-14, S0-15, S0-31, S0-32: a seat, and its price.
reserve() {
  decide /reservations '{
  "userId": "user_123",
  "scheduleId": "schedule_456",
  "seatNo": 1
}'
  local id
  id=$(field reservationId)
  says S0-14 "$id is held" answered 201
  says S0-15 "until a moment in UTC" like expiresAt '[0-9-]{10}T[0-9:.]{12}Z'
  ask POST /payments '{
  "reservationId": "res_789",
  "amount": 50000
}'
  says S0-31 "of res_789 nobody has heard" answered 404
  decide /payments '{
  "reservationId": "'"$id"'",
  "amount": 50000
}'
  says S0-32 "$id is paid" is status SUCCESS
  says S0-32 "by a payment that has a name" like paymentId 'pay_.+'
}

# S0-30, S0-38: a hold that nobody pays, for as long as HOLD_MS is.
expire() {
  decide /reservations '{"userId": "user_test", "scheduleId": "schedule_test", "seatNo": 1}'
  local id expires_at
  id=$(field reservationId)
  expires_at=$(field expiresAt)
  echo "Reservation created: $id"
  echo "Expires at: $expires_at"
  says S0-30 "$id is over" becomes "/reservations/$id" status EXPIRED
  local late_ms=$(($(ms "$(field changedAt)") - $(ms "$expires_at")))
  says S0-38 "not before its time, but $late_ms ms after it" [ "$late_ms" -ge 0 ]
  ask POST /payments '{"reservationId": "'"$id"'", "amount": 50000}'
  says S0-30 "and cannot be paid any more" answered 410
}

# S0-30, S0-48: the last hold of user_test was there before the worker was; it ends, once.
restarted() {
  decide /reservations '{"userId": "user_test", "scheduleId": "schedule_test", "seatNo": 2}' before
  local id changed_at
  id=$(field reservationId)
  says S0-48 "$id was not lost" like reservationId 'res_.+'
  says S0-48 "and it is over" becomes "/reservations/$id" status EXPIRED
  changed_at=$(field changedAt)
  # Another hold's end is behind everything that the restart may bring again.
  decide /reservations '{"userId": "user_test", "scheduleId": "schedule_test", "seatNo": 3}'
  becomes "/reservations/$(field reservationId)" status EXPIRED
  ask GET "/reservations/$id"
  says S0-30 "once: what comes again changes nothing" is changedAt "$changed_at"
}

# Before a restart: what `restarted` asks after.
before() {
  decide /reservations '{"userId": "user_test", "scheduleId": "schedule_test", "seatNo": 2}' before
  says S0-48 "$(field reservationId) is held before the restart" answered 201
}

# S0-46, S0-47: the broker is away: what cannot be in the log is not accepted, and says so.
outage() {
  local look
  for ((look = 0; look < LOOKS_MAX; look++)); do
    ask POST /reservations '{"userId": "1003", "scheduleId": "schedule_456", "seatNo": 31}' "Idempotency-Key: outage"
    case $status in
      20*) sleep 0.1 ;;
      *) break ;;
    esac
  done
  says S0-46 "without a broker nothing is accepted" answered 503
}

# The broker is back, and the same request goes through.
resumed() {
  local look
  for ((look = 0; look < LOOKS_MAX; look++)); do
    ask POST /reservations '{"userId": "1003", "scheduleId": "schedule_456", "seatNo": 31}' "Idempotency-Key: outage"
    case $status in
      200 | 201) break ;;
      *) sleep 0.1 ;;
    esac
  done
  says S0-47 "the same request, $(field reservationId), goes through when the broker is back" answered "200|201"
  says S0-47 "and nobody has to send it again" becomes "/reservations/$(field reservationId)" status EXPIRED
}

status="" said=""
curl -fsS "$url/health/live" >/dev/null
for scene in "$@"; do
  case $scene in
    eleven | issue | thousand | order | reserve | expire | before | restarted | outage | resumed) "$scene" ;;
    *)
      echo "seeds: no scene is called $scene" >&2
      exit 2
      ;;
  esac
done
exit "$wrong"
