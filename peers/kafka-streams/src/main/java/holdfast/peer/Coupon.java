package holdfast.peer;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The coupon topology on Kafka Streams: a measuring stick, not a product. It promises what Holdfast's does: a request is recognised by its
 * eventId, a user gets one coupon of a policy, stock never goes below zero, every request has one outcome, a success is notified, all of it
 * exactly once. The stock of every policy is -Dstock; there are no policy commands.
 *
 * <p>Settings by system property: bootstrap, app, state, threads, stock, commit (commit.interval.ms; Kafka Streams' own default without it).
 */
public final class Coupon {
    private static final ObjectMapper JSON = new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
    private static final long STOCK = Long.getLong("stock", 1000);

    public record Request(String eventId, String policyId, String userId, long requestedAt) {}

    public record Outcome(
            String eventId, String policyId, String userId, String status, String couponId, long requestedAt, long remaining) {}

    public record NotificationPayload(String userId, String type, String title, String message) {}

    public record Notification(String eventId, String eventType, long eventTime, NotificationPayload payload) {}

    private Coupon() {}

    static final class Issue implements Processor<String, byte[], String, byte[]> {
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, Long> stock;
        private KeyValueStore<String, Long> issued;
        private KeyValueStore<String, Long> seen;

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
            stock = context.getStateStore("stock");
            issued = context.getStateStore("issued");
            seen = context.getStateStore("seen");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            try {
                Request request = JSON.readValue(record.value(), Request.class);
                if (request.eventId() != null) {
                    decide(record, request);
                }
            } catch (IOException e) {
                context.forward(record, "dead");
            }
        }

        private void decide(Record<String, byte[]> record, Request request) throws IOException {
            Long known = stock.get(request.policyId());
            long remaining = known == null ? STOCK : known;
            String owner = request.policyId() + "|" + request.userId();
            String status;
            if (seen.get(request.eventId()) != null || issued.get(owner) != null) {
                status = "DUPLICATE_REQUEST";
            } else if (remaining <= 0) {
                status = "OUT_OF_STOCK";
            } else {
                status = "SUCCESS";
                remaining -= 1;
                stock.put(request.policyId(), remaining);
                issued.put(owner, record.timestamp());
            }
            seen.put(request.eventId(), record.timestamp());
            boolean granted = "SUCCESS".equals(status);
            Outcome outcome = new Outcome(request.eventId(), request.policyId(), request.userId(), status,
                    granted ? "cpn_" + request.eventId() : null, request.requestedAt(), remaining);
            context.forward(record.withValue(JSON.writeValueAsBytes(outcome)), granted ? "success" : "failures");
            if (granted) {
                Notification note = new Notification("evt_" + request.eventId(), "notification.request", record.timestamp(),
                        new NotificationPayload(request.userId(), "COUPON_ISSUED", "쿠폰 발급", "쿠폰이 발급되었습니다."));
                context.forward(record.withKey(request.userId()).withValue(JSON.writeValueAsBytes(note)), "notifications");
            }
        }
    }

    private static StoreBuilder<KeyValueStore<String, Long>> store(String name) {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.String(), Serdes.Long());
    }

    private static Topology topology() {
        Topology topology = new Topology();
        topology.addSource("requests", new StringDeserializer(), new ByteArrayDeserializer(), "coupon-issue-requests");
        topology.addProcessor("issue", Issue::new, "requests");
        for (String name : new String[] {"stock", "issued", "seen"}) {
            topology.addStateStore(store(name), "issue");
        }
        topology.addSink("success", "coupon-issue-success", new StringSerializer(), new ByteArraySerializer(), "issue");
        topology.addSink("failures", "coupon-issue-failures", new StringSerializer(), new ByteArraySerializer(), "issue");
        topology.addSink("notifications", "notification.request", new StringSerializer(), new ByteArraySerializer(), "issue");
        topology.addSink("dead", "coupon-issue-dlq", new StringSerializer(), new ByteArraySerializer(), "issue");
        return topology;
    }

    private static Properties config() {
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getProperty("app", "peer"));
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getProperty("bootstrap", "localhost:9092"));
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Integer.getInteger("threads", 2));
        config.put(StreamsConfig.STATE_DIR_CONFIG, System.getProperty("state", "peer-state"));
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        config.put("auto.offset.reset", "earliest");
        String commit = System.getProperty("commit");
        if (commit != null) {
            config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, Long.parseLong(commit));
        }
        return config;
    }

    public static void main(String[] args) throws InterruptedException {
        KafkaStreams streams = new KafkaStreams(topology(), config());
        CountDownLatch done = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(20));
            done.countDown();
        }));
        streams.setStateListener((now, before) -> System.out.println("peer " + now));
        streams.start();
        done.await();
    }
}
