output "topic_arns" {
  description = "ARNs of the topics, by their names in infra/topology.json."
  value       = { for key, topic in aws_sns_topic.this : key => topic.arn }
}

output "queue_arns" {
  description = "ARNs of the queues, by their names in infra/topology.json."
  value       = { for key, queue in aws_sqs_queue.this : key => queue.arn }
}

output "queue_urls" {
  description = "URLs of the queues, by their names in infra/topology.json."
  value       = { for key, queue in aws_sqs_queue.this : key => queue.url }
}

output "queue_names" {
  description = "Names of the queues, by their names in infra/topology.json."
  value       = { for key, queue in aws_sqs_queue.this : key => queue.name }
}

output "dead_letter_arns" {
  description = "ARNs of the dead-letter queues, by the names of the queues that they stand beside."
  value       = { for key, queue in aws_sqs_queue.dead : key => queue.arn }
}

output "dead_letter_names" {
  description = "Names of the dead-letter queues, by the names of the queues that they stand beside."
  value       = { for key, queue in aws_sqs_queue.dead : key => queue.name }
}
